// What is always in sight: connection, buffer, frames per second, latency, steps, device and one's place in the queue.

import { $, toast } from "./elements.js";
import { SHARP } from "./stage_size.js";

const EVERY = 250; // milliseconds between updates of the figures
const WORDS = { connected: "connected", gone: "reconnecting" };

export class Figures {
  constructor(stream) {
    this.stream = stream;
    const on = (type, call) => stream.connection.addEventListener(type, ({ detail }) => call(detail));
    on("link", (state) => this.#link(state));
    on("status", (status) => this.#status(status));
    stream.addEventListener("welcome", () => this.#model());
    stream.addEventListener("settings", () => this.#steps());
    setInterval(() => this.#measured(), EVERY);
  }

  #link(state) {
    const link = $("link");
    if (state === "gone" && link.dataset.state === "connected") toast("The connection is lost. The timeline stays; the studio reconnects by itself.");
    link.dataset.state = state;
    link.lastElementChild.textContent = WORDS[state];
  }

  #model() {
    const { name, width, height, frames, fps, device } = this.stream.model;
    $("model").textContent = `${name} · ${width}×${height} · ${frames} frames at ${Number(fps.toFixed(2))} fps`;
    document.title = `${name} · pvdm studio`;
    $("device").textContent = device;
    $("buffer").max = Math.max(this.stream.connection.buffer, frames) + frames;
    document.body.classList.toggle("sharp", Math.max(width, height) <= SHARP);
    this.#steps();
  }

  #steps() {
    $("steps-shown").textContent = this.stream.settings.steps ?? "–";
  }

  #status({ fps, device, place, streams, state }) {
    $("made-fps").textContent = round(fps ?? 0);
    if (device) $("device").textContent = device;
    $("streams").textContent = streams ?? 1;
    const overlay = $("overlay");
    overlay.hidden = !(place > 0 && this.stream.playing && state === "waiting");
    overlay.textContent = `Place ${place} in the queue`;
  }

  #measured() {
    if (!this.stream.library) return;
    const { buffered, playing, latency } = this.stream;
    $("buffer").value = buffered;
    $("buffer-frames").textContent = buffered;
    $("shown-fps").textContent = playing ? round(this.stream.player.rate) : "0";
    $("latency").textContent = latency === undefined ? "–" : `${(latency / 1000).toFixed(2)} s`;
  }
}

const round = (number) => (number < 9.95 && number > 0 ? number.toFixed(1) : String(Math.round(number)));
