// The settings of the next clip: only what the model takes can be set, and the rest says why not.

import { $, debounce, el, icon } from "./elements.js";
import { PictureSlots } from "./picture_slots.js";
import { WordChips } from "./word_chips.js";

const MOST_RADIOS = 10; // more classes than this are a list
const SOON = 180, TYPED = 350; // milliseconds after which a value that is being changed is sent
const SLIDERS = {
  prompt_guidance: { label: "Prompt guidance", takes: "text", min: 0, max: 8 },
  label_guidance: { label: "Class guidance", takes: "label", min: 0, max: 8 },
  guidance: { label: "Hold on to the clip before", takes: "context", min: 0, max: 4 },
};
const MISSING = {
  text: ["Prompt", "this model was trained without captions (model.text)"],
  label: ["Class", "it has no classes (model.denoiser.classes)"],
  hint: ["Pictures", "it was trained without given frames (model.given_frames)"],
  motion: ["Motion", "it was trained without the score of motion (model.scores)"],
  context: ["Continuing", "it cannot continue a clip: each one is a new scene"],
};

export class Controls {
  constructor(stream, upload) {
    this.stream = stream;
    this.form = $("controls");
    this.pending = el("span", { class: "pending" });
    this.pictures = new PictureSlots(stream, upload);
    this.change = (settings) => stream.change(settings);
    this.form.addEventListener("submit", (event) => event.preventDefault());
    stream.addEventListener("welcome", () => this.#build());
    for (const type of ["settings", "tree", "state"]) stream.addEventListener(type, () => this.#tell());
  }

  /** Rolls the dice. */
  roll() {
    const seed = crypto.getRandomValues(new Uint32Array(1))[0] % 1_000_000;
    this.seed.value = seed;
    this.change({ seed });
  }

  /** Writes another of the prompts that the model was trained with, if it came with some. */
  example() {
    const others = this.stream.model.examples.filter((text) => text !== this.prompt?.value);
    if (!this.prompt || !others.length) return;
    this.prompt.value = others[Math.floor(Math.random() * others.length)];
    this.chips?.refresh();
    this.change({ prompt: this.prompt.value });
  }

  #takes(what) {
    const { takes, scores } = this.stream.model;
    return what === "motion" ? (scores ?? []).includes("motion") : takes.includes(what);
  }

  #build() {
    const { model } = this.stream;
    if (this.built === model.name) return; // after a lost connection, all is set as it was
    this.built = model.name;
    const offered = Object.keys(MISSING).filter((what) => this.#takes(what));
    const parts = [
      this.#takes("text") && this.#prompt(model),
      this.#takes("label") && model.classes && this.#classes(model.classes),
      el("div", { class: "row" }, this.#steps(model.steps), this.#seed()),
      this.#takes("motion") && this.#motion(),
      this.#takes("hint") && this.pictures.element,
      this.#more(offered),
      this.#missing(Object.keys(MISSING).filter((what) => !offered.includes(what))),
    ];
    this.form.replaceChildren(el("h2", {}, "Next clip", this.pending), ...parts.filter(Boolean));
  }

  #tell() {
    const { pending, playing } = this.stream;
    this.pending.textContent = pending ? (playing ? "on its way" : "acts when you play") : "";
  }

  #prompt({ words, examples }) {
    const { settings } = this.stream;
    const area = el("textarea", { id: "prompt", rows: "3", maxlength: "1000", value: settings.prompt ?? "", autocomplete: "off", spellcheck: words ? "false" : "true", placeholder: words ? "Write, or choose words below" : "What is to be seen?" });
    const hint = el("p", { class: "hint", id: "prompt-hint" });
    area.setAttribute("aria-describedby", "prompt-hint");
    const chips = words && new WordChips(words, area, hint);
    Object.assign(this, { prompt: area, chips });
    const send = debounce(TYPED, () => chips?.unknown.length || this.change({ prompt: area.value.trim() || null }));
    area.addEventListener("input", () => {
      chips?.refresh();
      send();
    });
    area.addEventListener("keydown", (event) => event.key === "Enter" && !event.shiftKey && (event.preventDefault(), area.blur()));
    const another = el("button", { type: "button", class: "quiet", "aria-label": "An example of a prompt", onclick: () => this.example() }, "example");
    const heading = el("div", { class: "heading" }, el("label", { for: "prompt" }, "Prompt"), examples.length > 1 ? another : null);
    return el("div", { class: "control" }, heading, area, hint, chips?.element);
  }

  #classes(classes) {
    const chosen = this.stream.settings.label;
    const choose = (label) => this.change({ label: label || null });
    if (classes.length > MOST_RADIOS) {
      const options = ["", ...classes].map((name) => el("option", { value: name, selected: name === (chosen ?? "") }, name || "any"));
      const select = el("select", { id: "label", onchange: () => choose(select.value) }, options);
      return el("div", { class: "control" }, el("label", { for: "label" }, "Class"), select);
    }
    return radios("label", "Class", ["", ...classes], chosen ?? "", choose, (name) => name || "any");
  }

  #steps(steps) {
    const choose = (value) => this.change({ steps: Number(value) });
    return radios("steps", "Steps", steps, this.stream.settings.steps, choose);
  }

  #seed() {
    this.seed = el("input", { id: "seed", type: "number", min: "0", step: "1", value: this.stream.settings.seed ?? 0, inputmode: "numeric" });
    const send = debounce(SOON, () => this.seed.validity.valid && this.seed.value && this.change({ seed: Number(this.seed.value) }));
    this.seed.addEventListener("input", send);
    const dice = el("button", { type: "button", class: "ghost square", title: "Roll the dice", "aria-label": "New seed", "aria-keyshortcuts": "r", onclick: () => this.roll() }, icon("dice"));
    return el("div", { class: "control" }, el("label", { for: "seed" }, "Seed"), el("div", { class: "field" }, this.seed, dice));
  }

  #motion() {
    const { motion } = this.stream.settings;
    const free = el("input", { type: "checkbox", checked: motion === null || motion === undefined });
    const slide = this.#slider("motion", { label: "Motion", min: 0, max: 3 }, motion ?? 1, () => (free.checked = false));
    free.addEventListener("change", () => this.change({ motion: free.checked ? null : Number(slide.querySelector("input").value) }));
    slide.append(el("label", { class: "inline" }, free, "as it comes"));
    return slide;
  }

  #slider(name, { label, min, max }, value, touched = () => {}) {
    const input = el("input", { type: "range", id: name, min, max, step: "0.1", value });
    const output = el("output", { for: name }, Number(value).toFixed(1));
    const send = debounce(SOON, () => this.change({ [name]: Number(input.value) }));
    input.addEventListener("input", () => {
      output.textContent = Number(input.value).toFixed(1);
      touched();
      send();
    });
    return el("div", { class: "control slider" }, el("label", { for: name }, label), output, input);
  }

  #more(offered) {
    const { settings, model } = this.stream;
    const sliders = Object.entries(SLIDERS)
      .filter(([, { takes }]) => offered.includes(takes))
      .map(([name, about]) => this.#slider(name, { ...about, max: Math.min(about.max, model.most_guidance[name]) }, settings[name] ?? 0));
    const negative = offered.includes("text") && this.#negative();
    const parts = [negative, ...sliders].filter(Boolean);
    return parts.length > 0 && el("details", {}, el("summary", {}, "Guidance"), parts);
  }

  #negative() {
    const input = el("input", { id: "negative", value: this.stream.settings.negative_prompt ?? "", maxlength: "1000", autocomplete: "off" });
    input.addEventListener("input", debounce(TYPED, () => this.change({ negative_prompt: input.value.trim() || null })));
    return el("div", { class: "control" }, el("label", { for: "negative" }, "Not in the video"), input);
  }

  #missing(names) {
    if (!names.length) return null;
    const rows = names.map((name) => el("li", {}, el("b", {}, MISSING[name][0]), `: ${MISSING[name][1]}`));
    return el("details", { class: "not-offered" }, el("summary", {}, "What this model does not take"), el("ul", {}, rows));
  }
}

function radios(name, legend, values, chosen, choose, text = String) {
  const options = values.map((value) =>
    el("label", {}, el("input", { type: "radio", name, value, checked: value === chosen, onchange: () => choose(value) }), el("span", {}, text(value))),
  );
  return el("fieldset", { class: "control" }, el("legend", {}, legend), el("div", { class: "segments" }, options));
}
