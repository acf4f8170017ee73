// Two branches side by side, in step, from the clip where they part.

import { $, el, icon } from "./elements.js";

export class CompareView {
  #timer = 0;
  #frame = 0;
  #playing = true;

  constructor(stream) {
    this.stream = stream;
    this.dialog = $("compare");
    this.dialog.addEventListener("close", () => clearTimeout(this.#timer));
    this.dialog.addEventListener("keydown", (event) => this.#keys(event));
  }

  open(one, other) {
    const { tree } = this.stream;
    this.stream.pause();
    const ways = [one, other].sort((a, b) => a - b).map((clip) => [...tree.back(clip), ...tree.on(clip).slice(1)]);
    const shared = ways[0].findIndex((clip, i) => clip !== ways[1][i]);
    this.sides = ways.map((way) => this.#side(way, Math.max(shared, 0)));
    this.length = Math.max(...this.sides.map(({ clips }) => clips.length)) * this.stream.library.count;
    this.#frame = 0;
    this.#build();
    this.dialog.showModal();
    this.#beat();
  }

  #side(way, shared) {
    const { model, tree } = this.stream;
    const clips = way.slice(shared);
    const { settings = {}, seed } = tree.get(clips[0]) ?? {};
    const about = [settings.prompt, settings.label, `seed ${seed}`, settings.steps && `${settings.steps} steps`];
    const canvas = el("canvas", { width: model.width, height: model.height, role: "img", "aria-label": `Branch of clip ${clips[0]}` });
    return { clips, canvas, title: `From clip ${clips[0]}`, about: about.filter(Boolean).join(" · ") };
  }

  #build() {
    const figures = this.sides.map(({ canvas, title, about, clips }) =>
      el("figure", {}, canvas, el("figcaption", {}, el("b", {}, `${title}, ${clips.length} clip${clips.length > 1 ? "s" : ""}`), el("span", {}, about))),
    );
    this.bar = el("input", { type: "range", min: "0", max: String(this.length - 1), value: "0", "aria-label": "Position in both branches" });
    this.bar.addEventListener("input", () => {
      this.#frame = Number(this.bar.value);
      this.#set(false);
      this.#draw();
    });
    this.play = el("button", { type: "button", onclick: () => this.#toggle() });
    const close = el("button", { type: "button", "aria-label": "Close", onclick: () => this.dialog.close() }, icon("close"));
    const head = el("div", { class: "compare-head" }, el("h2", {}, "Two branches, in step"), close);
    this.dialog.replaceChildren(head, el("div", { class: "pair" }, figures), el("div", { class: "compare-foot" }, this.play, this.bar));
    this.#set(true);
  }

  #toggle() {
    this.#set(!this.#playing);
  }

  #set(playing) {
    this.#playing = playing;
    this.play.replaceChildren(icon(playing ? "pause" : "play"));
    this.play.setAttribute("aria-label", playing ? "Pause" : "Play");
  }

  #beat() {
    const { fps, speed } = this.stream.player;
    this.#timer = setTimeout(async () => {
      if (this.#playing) {
        this.#frame = (this.#frame + 1) % this.length;
        await this.#draw();
      }
      if (this.dialog.open) this.#beat();
    }, 1000 / (fps * speed));
  }

  /** A branch that has ended waits at its last frame. */
  async #draw() {
    this.bar.value = this.#frame;
    const { library } = this.stream;
    await Promise.all(
      this.sides.map(async ({ clips, canvas }) => {
        const frame = Math.min(this.#frame, clips.length * library.count - 1);
        const pictures = await library.pictures(clips[Math.floor(frame / library.count)]).catch(() => null);
        if (pictures) canvas.getContext("2d").drawImage(pictures[frame % library.count], 0, 0, canvas.width, canvas.height);
      }),
    );
  }

  #keys(event) {
    if (event.key === " " && !event.target.matches("button")) {
      event.preventDefault();
      this.#toggle();
    }
  }
}
