// Words of a model with a closed vocabulary, as chips that complete the prompt; words that it does not know are named.

import { el } from "./elements.js";

const SMALL = new Set(["a", "an", "and", "at", "behind", "by", "from", "in", "is", "of", "on", "the", "to", "up", "with"]);

export class WordChips {
  constructor(words, area, hint) {
    this.words = [...words].sort();
    this.known = new Set(words.map((word) => word.toLowerCase()));
    this.area = area;
    this.hint = hint;
    this.list = el("div", { class: "chips", role: "group", "aria-label": "Words that the model knows" });
    this.element = this.list;
    this.refresh();
  }

  /** Shows the words that continue what is being written, else all that mean something. */
  refresh() {
    const begun = /[\p{L}\p{N}]*$/u.exec(this.#before)[0].toLowerCase();
    const fitting = begun && !this.known.has(begun) ? this.words.filter((word) => word.startsWith(begun)) : [];
    const shown = fitting.length ? fitting : this.words.filter((word) => !SMALL.has(word));
    this.list.replaceChildren(...shown.map((word) => this.#chip(word, begun && fitting.length ? begun : "")));
    this.#check(fitting.length ? begun : "");
  }

  get #before() {
    return this.area.value.slice(0, this.area.selectionStart ?? this.area.value.length);
  }

  #chip(word, begun) {
    const used = new RegExp(`(^|[^\\p{L}])${word}($|[^\\p{L}])`, "iu").test(this.area.value);
    return el("button", { type: "button", class: `chip${used ? " used" : ""}`, onclick: () => this.#insert(word, begun) }, word);
  }

  #insert(word, begun) {
    const before = this.#before.slice(0, this.#before.length - begun.length);
    const after = this.area.value.slice(this.#before.length);
    const space = before && !/\s$/.test(before) ? " " : "";
    this.area.value = `${before}${space}${word} ${after.trimStart()}`;
    const at = before.length + space.length + word.length + 1;
    this.area.setSelectionRange(at, at);
    this.area.dispatchEvent(new Event("input"));
  }

  #check(begun) {
    const written = this.area.value.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
    this.unknown = [...new Set(written)].filter((word) => !this.known.has(word));
    const wrong = this.unknown.filter((word) => word !== begun);
    this.hint.textContent = wrong.length ? `The model does not know: ${wrong.join(", ")}` : "";
  }
}
