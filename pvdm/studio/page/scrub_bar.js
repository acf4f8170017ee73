// The bar below the picture: where in the video the stage is, and the way to any other frame of this branch.

import { $, clock } from "./elements.js";

export class ScrubBar {
  #path = [];

  constructor(stream) {
    this.stream = stream;
    this.bar = $("scrub");
    this.bar.addEventListener("input", () => this.#go(Number(this.bar.value)));
    stream.addEventListener("tree", () => this.#renew());
    stream.addEventListener("position", () => this.#draw());
  }

  get #count() {
    return this.stream.library?.count ?? 1;
  }

  /** Goes some frames on or back. */
  step(frames) {
    this.#go(Math.min(Math.max(this.#frame() + frames, 0), this.#path.length * this.#count - 1));
  }

  /** Goes to the first frame of a clip before or after. */
  stepClip(clips) {
    const at = Math.floor(this.#frame() / this.#count) + clips;
    this.#go(Math.min(Math.max(at, 0), this.#path.length - 1) * this.#count);
  }

  #go(frame) {
    const clip = this.#path[Math.floor(frame / this.#count)];
    if (clip !== undefined) this.stream.show(clip, frame % this.#count);
  }

  #frame() {
    const { position } = this.stream;
    return position ? Math.max(this.#path.indexOf(position.clip), 0) * this.#count + position.index : 0;
  }

  #renew() {
    const { position, tree } = this.stream;
    this.#path = tree.path(position?.clip ?? tree.newest);
    this.#draw();
  }

  #draw() {
    const { position } = this.stream;
    if (position && !this.#path.includes(position.clip)) this.#path = this.stream.tree.path(position.clip);
    const last = Math.max(this.#path.length * this.#count - 1, 0);
    const fps = this.stream.player.fps || 1;
    this.bar.max = last;
    this.bar.value = this.#frame();
    this.bar.style.setProperty("--part", last ? this.#frame() / last : 0);
    this.bar.setAttribute("aria-valuetext", position ? `clip ${position.clip}, frame ${position.index + 1} of ${this.#count}` : "empty");
    $("position").textContent = `${clock(this.#frame() / fps)} / ${clock((last + 1) / fps)}`;
  }
}
