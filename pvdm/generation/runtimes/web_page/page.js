// The page: asks the worker for clips, a little ahead of what it shows.

import { wordsOf } from "./sampler.js";

const AHEAD = 2; // clips that wait to be shown
const get = (id) => document.getElementById(id);
const canvas = get("canvas");
const draw = canvas.getContext("2d");
const state = { model: null, worker: null, queue: [], clip: null, at: 0, isNew: true, isBusy: false, isPlaying: true, id: 0 };
const pace = { shown: [], since: 0, due: 0 };

/** An element with these attributes and text. */
function element(tag, attributes, text) {
  const made = document.createElement(tag);
  Object.assign(made, attributes);
  made.textContent = text;
  return made;
}

function say(text, isWrong = false) {
  get("status").textContent = text;
  get("status").classList.toggle("wrong", isWrong);
}

async function prepare() {
  const response = await fetch("model.json");
  if (!response.ok) throw new Error(`model.json cannot be loaded (${response.status})`);
  const model = (state.model = await response.json());
  const short = model.name.split("/").at(-1).replace(/-\d+$/, "");
  get("title").textContent = document.title = `Endless ${short}`;
  get("model").textContent = model.name;
  [canvas.width, canvas.height] = [model.clip.width, model.clip.height];
  canvas.style.aspectRatio = `${model.clip.width} / ${model.clip.height}`;
  const size = Object.values(model.graphs).reduce((sum, graph) => sum + graph.bytes, model.runtime[navigator.gpu ? "webgpu" : "wasm"]);
  get("download").textContent = `loads ${Math.ceil(size / 1e6)} MB once`;
  for (const count of Object.keys(model.plans)) get("steps").append(new Option(count, count));
  get("steps").value = model.steps;
  get("class-row").hidden = !model.classes.length;
  get("class").append(new Option("any", ""), ...model.classes.map((name, index) => new Option(name, index)));
  if (model.text) offerText(model.text);
  get("seed").value = crypto.getRandomValues(new Uint16Array(1))[0];
  get("start").disabled = false;
}

function offerText(text) {
  get(text.is_closed ? "text-row" : "prompts-row").hidden = get("guidance-row").hidden = false;
  get("prompts").append(new Option("anything", ""), ...text.prompts.map((prompt) => new Option(prompt, prompt)));
  if (!text.is_closed) return;
  get("prompt").value = text.prompts[0] ?? "";
  for (const prompt of text.prompts) {
    const choose = () => ((get("prompt").value = prompt), check());
    get("examples").append(element("button", { type: "button", onclick: choose }, prompt));
  }
  for (const word of text.entries) {
    const add = () => ((get("prompt").value = `${get("prompt").value.trimEnd()} ${word}`.trimStart()), check());
    get("chips").append(element("button", { type: "button", className: "chip", onclick: add }, word));
  }
  get("prompt").addEventListener("input", check);
  check();
}

/** Says which words the model does not know; true if it knows all, and can hold them. */
function check() {
  const { entries, tokens } = state.model.text;
  const words = wordsOf(get("prompt").value);
  const unknown = [...new Set(words.filter((word) => !entries.includes(word)))];
  const isLong = words.length > tokens;
  const wrong = unknown.length ? `It does not know: ${unknown.join(", ")}` : `At most ${tokens} words.`;
  get("prompt-hint").textContent = unknown.length || isLong ? wrong : "";
  get("prompt-hint").classList.toggle("wrong", unknown.length > 0 || isLong);
  get("prompt").setAttribute("aria-invalid", String(unknown.length > 0 || isLong));
  return !unknown.length && !isLong;
}

let lastText = "";
function settings() {
  const { text } = state.model;
  if (text && (!text.is_closed || check())) lastText = text.is_closed ? get("prompt").value : get("prompts").value;
  const label = get("class").value === "" ? null : Number(get("class").value);
  const seed = Math.max(0, Math.floor(Number(get("seed").value) || 0));
  const said = wordsOf(lastText).length ? lastText : null;
  return { seed, label, text: said, steps: get("steps").value, guidance: Number(get("guidance").value) };
}

function start() {
  get("start").hidden = true;
  get("progress").hidden = false;
  say("Loading the model");
  state.worker = new Worker("worker.js", { type: "module" });
  state.worker.onmessage = ({ data }) => heard[data.type](data);
  state.worker.onerror = (event) => heard.error({ message: event.message || "the worker cannot start" });
  state.worker.postMessage({ type: "load", backend: new URLSearchParams(location.search).get("backend") });
}

const heard = {
  progress: ({ loaded, total }) => (get("progress").value = loaded / total),
  opening: () => (get("progress").removeAttribute("value"), say("Opening the model")),
  ready: ({ backend, threads, reason }) => {
    get("progress").hidden = true;
    const cores = threads > 1 ? `, ${threads} threads` : "";
    get("backend").textContent = backend === "webgpu" ? "WebGPU" : `WebAssembly${cores}`;
    get("backend").title = reason;
    for (const id of ["play", "again"]) get(id).disabled = false;
    say("Making the first clip");
    ask();
    requestAnimationFrame(show);
  },
  clip: ({ id, pixels, seconds }) => {
    state.isBusy = false;
    if (id === state.id) {
      const { frames, width, height } = state.model.clip;
      const size = 4 * width * height;
      for (let i = 0; i < frames; i++) {
        state.queue.push(new ImageData(new Uint8ClampedArray(pixels, i * size, size), width, height));
      }
      get("made").textContent = (frames / seconds).toFixed(1);
      say("");
    }
    ask();
  },
  error: ({ message }) => {
    get("progress").hidden = true;
    say(`This did not work: ${message}`, true);
  },
};

function ask() {
  if (state.isBusy || state.queue.length > AHEAD * state.model.clip.frames || !state.isPlaying) return;
  state.isBusy = true;
  state.worker.postMessage({ type: "make", settings: settings(), isNew: state.isNew, id: state.id });
  state.isNew = false;
}

let due = 0;
function show(now) {
  requestAnimationFrame(show);
  if (!state.isPlaying) return;
  if (now >= due && state.queue.length) {
    due = Math.max(due + 1000 / state.model.clip.fps, now);
    draw.putImageData(state.queue.shift(), 0, 0);
    pace.shown.push(now);
    ask();
  }
  report(now);
}

/** Frames a second that were shown in the last three seconds, twice a second. */
function report(now) {
  pace.since ||= pace.shown[0] ?? 0;
  pace.shown = pace.shown.filter((time) => now - time < 3000);
  const span = Math.min(3000, now - pace.since);
  if (!pace.since || span < 1000 || now < pace.due) return;
  pace.due = now + 500;
  get("shown").textContent = ((1000 * pace.shown.length) / span).toFixed(1);
}

get("start").onclick = start;
get("play").onclick = () => {
  state.isPlaying = !state.isPlaying;
  get("play").textContent = state.isPlaying ? "Pause" : "Play";
  Object.assign(pace, { shown: [], since: 0 });
  ask();
};
get("again").onclick = () => {
  Object.assign(state, { isNew: true, id: state.id + 1, queue: [] });
  say("Making the first clip");
  ask();
};
get("dice").onclick = () => {
  get("seed").value = crypto.getRandomValues(new Uint16Array(1))[0];
  if (state.worker) get("again").click();
};
get("controls").onsubmit = (event) => event.preventDefault();

prepare().catch((error) => say(`This did not work: ${error.message}`, true));
