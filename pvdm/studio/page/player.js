// Plays clips from the library at a steady rate: decodes a little ahead, draws what is due, and stops at once.

import { FrameDecoder } from "./frame_decoder.js";

const AHEAD = 12; // frames that are decoded before they are due
const LATE = 250; // milliseconds after which the beat starts anew instead of catching up

export class Player extends EventTarget {
  #playlist = []; // {clip, live, next: index of the next frame to decode, from: first index to show}
  #slots = []; // frames on their way to the screen: {clip, live, index, picture, failed}
  #decoder = new FrameDecoder((error) => this.dispatchEvent(new CustomEvent("broken", { detail: error })));
  #due = 0;
  #times = []; // when the last frames were drawn
  playing = false;
  speed = 1;
  position = null; // {clip, index} of the frame on the screen

  constructor(canvas, library) {
    super();
    this.canvas = canvas;
    this.library = library;
    this.context = canvas.getContext("2d", { alpha: false });
    const beat = (now) => {
      if (this.playing) this.#beat(now);
      requestAnimationFrame(beat);
    };
    requestAnimationFrame(beat);
  }

  size(width, height, fps) {
    if (this.canvas.width !== width) this.canvas.width = width; // setting a size clears the canvas
    if (this.canvas.height !== height) this.canvas.height = height;
    this.fps = fps;
  }

  play() {
    this.playing = true;
    this.#due = 0;
  }

  /** The picture on the screen stays; nothing queued is shown after it. */
  pause() {
    this.playing = false;
    this.clear();
  }

  clear() {
    this.#playlist = [];
    for (const slot of this.#slots.splice(0)) this.#drop(slot);
  }

  /** Drops what the server was making, except for the clip on the screen, which plays to its end. */
  dropLive() {
    const stays = ({ live, clip }) => !live || clip === this.position?.clip;
    this.#slots.filter((slot) => !stays(slot)).forEach((slot) => this.#drop(slot));
    this.#slots = this.#slots.filter(stays);
    this.#playlist = this.#playlist.filter(stays);
  }

  /** Appends a clip, whose frames may still be arriving. live: the server is told when its frames are shown. */
  append(clip, { from = 0, live = false } = {}) {
    this.#playlist.push({ clip, live, next: 0, from });
    this.fill();
  }

  /** Frames that could be shown without another one from the server. */
  get buffered() {
    const waiting = this.#playlist.map(({ clip, next, from }) => this.library.length(clip) - Math.max(next, from));
    return this.#slots.length + waiting.reduce((sum, count) => sum + Math.max(count, 0), 0);
  }

  /** Clips that are still to be drawn, wholly or in part. */
  get clipsAhead() {
    return this.#playlist.length;
  }

  /** Frames drawn a second, over the last two seconds. */
  get rate() {
    const now = performance.now();
    this.#times = this.#times.filter((time) => now - time < 2000);
    const span = this.#times.at(-1) - this.#times[0];
    return span ? ((this.#times.length - 1) * 1000) / span : 0;
  }

  /** Draws one picture, of a paused video. */
  show(picture, clip, index) {
    this.#draw(picture);
    this.position = { clip, index };
    this.dispatchEvent(new CustomEvent("frame", { detail: { clip, index, live: false } }));
  }

  /** Decodes ahead; called when frames have arrived or were drawn. */
  fill() {
    while (this.#slots.length < AHEAD && this.#playlist.length) {
      const entry = this.#playlist[0];
      if (entry.next >= this.library.count) {
        this.#playlist.shift();
        continue;
      }
      const frame = this.library.frame(entry.clip, entry.next);
      if (!frame) {
        if (!this.#overtaken()) break;
        this.#playlist.shift();
        continue;
      }
      this.#decode(frame, { clip: entry.clip, live: entry.live, index: entry.next, picture: null }, entry);
      entry.next += 1;
    }
  }

  /** Whether frames of the next clip have come: those that this clip lacks never will. */
  #overtaken() {
    const next = this.#playlist[1];
    return next !== undefined && this.library.length(next.clip) > 0;
  }

  #decode(frame, slot, entry) {
    const picture = this.#decoder.decode(frame);
    if (slot.index < entry.from) {
      picture.then((unseen) => unseen.close()).catch(() => {});
      return;
    }
    this.#slots.push(slot);
    picture.then((arrived) => (slot.dropped ? arrived.close() : (slot.picture = arrived))).catch(() => (slot.failed = true));
  }

  #beat(now) {
    while (this.#slots[0]?.failed) this.#slots.shift();
    const slot = this.#slots[0];
    if (!slot?.picture || now < this.#due) return;
    const step = 1000 / (this.fps * this.speed);
    this.#due = now - this.#due > LATE ? now + step : this.#due + step;
    this.#slots.shift();
    this.#draw(slot.picture);
    slot.picture.close();
    this.position = { clip: slot.clip, index: slot.index };
    this.#times.push(performance.now());
    this.dispatchEvent(new CustomEvent("frame", { detail: slot }));
    this.fill();
  }

  #draw(picture) {
    this.context.drawImage(picture, 0, 0, this.canvas.width, this.canvas.height);
  }

  #drop(slot) {
    slot.dropped = true;
    slot.picture?.close();
  }
}
