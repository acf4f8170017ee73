// Sampling, as plain sums whose weights the model's description holds (step_plan.py); no page and no runtime.

/** Standard normal numbers that depend on the seed and the clip alone (sfc32 and Box-Muller). */
export class Noise {
  constructor(seed, clip) {
    this.state = [seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0, clip >>> 0, 1];
    for (let i = 0; i < 16; i++) this.next();
  }

  next() {
    let [a, b, c, d] = this.state;
    const t = (((a + b) | 0) + d) | 0;
    d = (d + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + t) | 0;
    this.state = [a, b, c, d];
    return (t >>> 0) / 2 ** 32;
  }

  normal(count) {
    const values = new Float32Array(count);
    for (let i = 0; i < count; i += 2) {
      const radius = Math.sqrt(-2 * Math.log(1 - this.next()));
      const angle = 2 * Math.PI * this.next();
      values[i] = radius * Math.cos(angle);
      if (i + 1 < count) values[i + 1] = radius * Math.sin(angle);
    }
    return values;
  }
}

/** The sum of weight * values over all of them. */
export function combined(weights, parts) {
  const total = new Float32Array(parts[0].length);
  weights.forEach((weight, place) => {
    const part = parts[place];
    for (let i = 0; i < total.length; i++) total[i] += weight * part[i];
  });
  return total;
}

/** The clean latent that a plan reaches from noise x; network(x, time) resolves to what the network predicts. */
export async function sample(plan, network, x, bound) {
  let before = null;
  let known = [];
  for (const step of plan) {
    const clean = combined(step.clean, [x, await network(x, step.time)]);
    if (bound !== null) for (let i = 0; i < clean.length; i++) clean[i] = Math.min(bound, Math.max(-bound, clean[i]));
    if (!step.next) return clean;
    if (step.correct) x = combined(step.correct, [before, ...known, clean]);
    known = [...known, clean].slice(-2);
    before = x;
    x = combined(step.next, [x, ...known.slice(1 - step.next.length)]);
  }
  throw new Error("the plan has no last step");
}

/** Video (3, t, h, w) in [-1, 1] -> t frames of RGBA, one after another. */
export function toPixels(video, frames, size) {
  const pixels = new Uint8ClampedArray(4 * frames * size);
  for (let channel = 0; channel < 3; channel++) {
    const from = channel * frames * size;
    for (let i = 0; i < frames * size; i++) pixels[4 * i + channel] = (video[from + i] + 1) * 127.5;
  }
  for (let i = 3; i < pixels.length; i += 4) pixels[i] = 255;
  return pixels;
}

const distance = (a, b, frame) => {
  let sum = 0;
  for (let i = 0; i < frame; i++) sum += Math.abs(a[i] - b[i]);
  return sum / frame;
};

/**
 * Takes from the first frames of a clip what its jump from the clip before has above usual changes, fading out within
 * `fade` frames (pvdm.video.clip_borders); both are RGBA, `frame` values a frame. Changes the clip.
 */
export function fadeBorder(before, clip, fade, frame) {
  if (!fade || !before) return;
  const at = (pixels, place) => pixels.subarray(place * frame, (place + 1) * frame);
  const [ends, count] = [before.length / frame, clip.length / frame];
  const changes = [];
  for (let i = Math.max(1, ends - fade); i < ends; i++) changes.push(distance(at(before, i), at(before, i - 1), frame));
  for (let i = 1; i <= Math.min(fade, count - 1); i++) changes.push(distance(at(clip, i), at(clip, i - 1), frame));
  const last = at(before, ends - 1);
  const size = distance(at(clip, 0), last, frame);
  const usual = changes.length ? changes.reduce((sum, value) => sum + value, 0) / changes.length : size;
  const share = Math.max(0, 1 - usual / Math.max(size, 1e-6));
  const excess = Float32Array.from(at(clip, 0), (value, i) => (value - last[i]) * share);
  for (let place = 0; place < Math.min(fade, count); place++) {
    const weight = 1 - place / fade;
    const pixels = at(clip, place);
    for (let i = 0; i < frame; i++) pixels[i] -= excess[i] * weight;
  }
}

/** The words of a text in lower case, without punctuation. */
export const wordsOf = (text) => text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
