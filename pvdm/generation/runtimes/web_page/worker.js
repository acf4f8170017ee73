// Runs the networks, away from the page: {load} -> ready; {make, settings} -> clip.

import { fadeBorder, Noise, sample, toPixels, wordsOf } from "./sampler.js";

let ort, model, vectors, sessions, backend;
let latent = null;
let shown = null;
let clips = 0;

self.onmessage = async ({ data }) => {
  try {
    if (data.type === "load") await load(data.backend);
    else await make(data);
  } catch (error) {
    self.postMessage({ type: "error", message: String(error?.message ?? error) });
  }
};

/** Fetches the model with progress and opens it, by WebGPU where that works. */
async function load(wanted) {
  model = await (await fetched("model.json")).json();
  const graphs = Object.entries(model.graphs);
  const total = graphs.reduce((sum, [, graph]) => sum + graph.bytes, 0);
  const done = {};
  const bytes = {};
  await Promise.all(
    graphs.map(async ([name, graph]) => {
      bytes[name] = await received(await fetched(graph.file), (count) => {
        done[name] = count;
        const loaded = Object.values(done).reduce((sum, value) => sum + value, 0);
        self.postMessage({ type: "progress", loaded, total });
      });
    }),
  );
  vectors = new Float32Array(await (await fetched("vectors.bin")).arrayBuffer());
  const kinds = wanted === "wasm" || !(await hasWebGPU()) ? ["wasm"] : ["webgpu", "wasm"];
  self.postMessage({ type: "opening" });
  let reason = "";
  for (const kind of kinds) {
    try {
      await open(kind, bytes);
      break;
    } catch (error) {
      if (kind === kinds.at(-1)) throw error;
      reason = `WebGPU did not work: ${error?.message ?? error}`;
    }
  }
  self.postMessage({ type: "ready", backend, reason, threads: backend === "wasm" ? ort.env.wasm.numThreads : 0 });
}

async function hasWebGPU() {
  try {
    return Boolean(await navigator.gpu?.requestAdapter());
  } catch {
    return false;
  }
}

async function open(kind, bytes) {
  ort = await import(`./runtime/ort.${kind}.min.mjs`);
  ort.env.wasm.wasmPaths = new URL("runtime/", self.location.href).href;
  ort.env.wasm.numThreads = self.crossOriginIsolated ? Math.min(4, navigator.hardwareConcurrency) : 1;
  const options = { executionProviders: [kind], logSeverityLevel: 3 };
  sessions = {};
  for (const name of Object.keys(bytes)) sessions[name] = await ort.InferenceSession.create(bytes[name], options);
  backend = kind;
  const noise = new Noise(0, 0).normal(model.latent[0] * model.latent[1]);
  const first = await denoise(noise, 0, { steps: Object.keys(model.plans)[0] }, false); // some refuse only when they run
  await decode(first);
}

/** Makes a clip that continues the last one, or begins anew. */
async function make({ settings, isNew, id }) {
  const started = performance.now();
  if (isNew) [latent, shown, clips] = [null, null, 0];
  const noise = new Noise(settings.seed, clips++);
  const plan = model.plans[settings.steps];
  const x = noise.normal(model.latent[0] * model.latent[1]);
  const context = latent && noised(latent, noise);
  const network = (z, time) => guided(z, time, { ...settings, context });
  latent = await sample(plan.steps, network, x, model.bound);
  const { frames, height, width } = model.clip;
  const pixels = toPixels(await decode(latent), frames, height * width);
  fadeBorder(shown, pixels, model.fade, 4 * height * width);
  shown = pixels.slice();
  const seconds = (performance.now() - started) / 1000;
  self.postMessage({ type: "clip", id, pixels: pixels.buffer, seconds }, [pixels.buffer]);
}

/** The latent with the noise that the network is shown contexts with. */
function noised(values, noise) {
  const { alpha, sigma } = model.context;
  const drawn = sigma ? noise.normal(values.length) : values;
  return Float32Array.from(values, (value, i) => alpha * value + sigma * drawn[i]);
}

/**
 * What the network predicts, led further by the prompt, (1 + w) out(prompt) - w out(none), arXiv 2207.12598, and away
 * from its early weights, if the model has them, arXiv 2406.02507; steps that it was tuned for were tuned to that.
 */
async function guided(z, time, settings) {
  const weight = settings.text ? settings.guidance : 0;
  const output = await denoise(z, time, settings, weight > 0);
  const [told, none] = [output.subarray(0, z.length), output.subarray(z.length)];
  const away = model.plans[settings.steps].tuned ? 0 : model.autoguidance;
  const weak = away ? await denoise(z, time, settings, false, sessions.guide) : told;
  return told.map((value, i) => value + (weight ? weight * (value - none[i]) : 0) + away * (value - weak[i]));
}

const TYPES = { float32: Float32Array, int64: BigInt64Array, bool: Uint8Array };

/** One evaluation; with `isDouble`, a second sample that has no prompt comes with it. */
async function denoise(z, time, settings, isDouble, network = sessions.denoise) {
  const given = parts(z, time, settings);
  const batch = isDouble ? 2 : 1;
  const feeds = {};
  for (const [name, sizes, type] of model.inputs) {
    const count = sizes.reduce((product, size) => product * size, 1);
    const values = new TYPES[type](batch * count);
    if (name.endsWith("level")) values.fill(-1n);
    for (let i = 0; i < batch; i++) if (given[name] && !(i && name === "text_mask")) values.set(given[name], i * count);
    feeds[name] = new ort.Tensor(type, values, [batch, ...sizes]);
  }
  return (await network.run(feeds)).output.data;
}

/** The inputs that are given, as arrays of one sample; those left out are absent. */
function parts(z, time, { context, label, text, steps }) {
  const tuned = model.plans[steps]?.tuned ?? 0;
  const found = { z, t: [BigInt(time), BigInt(time)].slice(0, sizeOf("t")), steps: [BigInt(tuned)] };
  if (context) Object.assign(found, { context, context_mask: [1], context_level: [BigInt(model.context.level)] });
  if (label !== undefined && label !== null) Object.assign(found, { label: [BigInt(label)], label_mask: [1] });
  return text ? { ...found, ...encoded(text) } : found;
}

const sizeOf = (name) => (model.inputs.find(([input]) => input === name)[1].length ? 2 : 1);

/** The states of a prompt's tokens and their mask. */
function encoded(text) {
  const { tokens, width, is_closed: isClosed, entries, lengths } = model.text;
  const states = new Float32Array(tokens * width);
  const mask = new Uint8Array(tokens);
  if (isClosed) {
    wordsOf(text).slice(0, tokens).forEach((word, place) => {
      const at = entries.indexOf(word) * width;
      states.set(vectors.subarray(at, at + width), place * width);
      mask[place] = 1;
    });
  } else {
    const at = entries.indexOf(text);
    states.set(vectors.subarray(at * tokens * width, (at + 1) * tokens * width));
    mask.fill(1, 0, lengths[at]);
  }
  return { text: states, text_mask: mask };
}

async function decode(values) {
  const feeds = { latent: new ort.Tensor("float32", values, [1, ...model.latent]) };
  return (await sessions.decode.run(feeds)).video.data;
}

async function fetched(file) {
  const response = await fetch(file);
  if (!response.ok) throw new Error(`${file} cannot be loaded (${response.status})`);
  return response;
}

async function received(response, report) {
  const chunks = [];
  let count = 0;
  for (const reader = response.body.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) break;
    chunks.push(value);
    report((count += value.length));
  }
  const whole = new Uint8Array(count);
  let at = 0;
  for (const chunk of chunks) whole.set(chunk, (at += chunk.length) - chunk.length);
  return whole;
}
