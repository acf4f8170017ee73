// Encoded frames of all clips, so that scrubbing, loops and comparisons need no server; the oldest go first.

import { FrameDecoder } from "./frame_decoder.js";

const MOST_BYTES = 96 * 2 ** 20;
const MOST_DECODED = 6; // clips whose pictures are kept for scrubbing

export class FrameLibrary {
  #clips = new Map(); // id -> {frames, bytes}
  #bytes = 0;
  #decoded = new Map(); // id -> promise of pictures
  #decoder = new FrameDecoder();
  #work = Promise.resolve();

  constructor(frames, ask) {
    this.count = frames; // of a clip
    this.ask = ask; // asks the server for a clip's frames once more
  }

  /** Keeps frame `index` of a clip. A key frame may begin the rest anew; what follows a lost frame is of no use. */
  add(clip, index, frame) {
    if (this.has(clip)) return;
    const kept = this.#clips.get(clip) ?? { frames: [], bytes: 0 };
    if (frame.key && index < kept.frames.length) kept.frames.length = index;
    if (index !== kept.frames.length) return;
    kept.frames.push(frame);
    kept.bytes += frame.payload.length;
    this.#bytes += frame.payload.length;
    this.#clips.delete(clip);
    this.#clips.set(clip, kept); // the newest is the last
    this.#evict();
  }

  frame(clip, index) {
    return this.#clips.get(clip)?.frames[index];
  }

  length(clip) {
    return this.#clips.get(clip)?.frames.length ?? 0;
  }

  has(clip) {
    return this.length(clip) >= this.count;
  }

  delete(clip) {
    this.#bytes -= this.#clips.get(clip)?.bytes ?? 0;
    this.#clips.delete(clip);
    this.#decoded.delete(clip);
  }

  /** The pictures of a clip: (count) ImageBitmaps. */
  pictures(clip) {
    if (!this.#decoded.has(clip)) {
      const pictures = (this.#work = this.#work.catch(() => {}).then(() => this.#decode(clip)));
      pictures.catch(() => this.#decoded.delete(clip));
      this.#decoded.set(clip, pictures);
      if (this.#decoded.size > MOST_DECODED) this.#decoded.delete(this.#decoded.keys().next().value);
    }
    return this.#decoded.get(clip);
  }

  async #decode(clip) {
    if (!this.has(clip)) await this.#arrival(clip);
    const pictures = this.#clips.get(clip).frames.map((frame) => this.#decoder.decode(frame));
    await this.#decoder.flush();
    return Promise.all(pictures);
  }

  async #arrival(clip) {
    this.ask(clip);
    for (let tries = 0; tries < 100 && !this.has(clip); tries++) await new Promise((done) => setTimeout(done, 50));
    if (!this.has(clip)) throw new Error("The frames of this clip did not come.");
  }

  #evict() {
    for (const id of this.#clips.keys()) {
      if (this.#bytes <= MOST_BYTES || this.#clips.size <= 4) return;
      this.delete(id);
    }
  }
}
