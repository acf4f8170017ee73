// Pictures that the next clip leads from, to, or along: chosen, dropped on the stage or a slot, or pasted.

import { $, announce, el, icon, toast } from "./elements.js";

const SLOTS = { first_picture: "First frame", last_picture: "Last frame", anchor: "Anchor" };
const HINTS = { first_picture: "starts a scene", last_picture: "ends the clip", anchor: "keeps its look" };
const MOST_BYTES = 20 * 2 ** 20;

export class PictureSlots {
  #slots = {};

  constructor(stream, upload) {
    this.stream = stream;
    this.upload = upload;
    const all = Object.keys(SLOTS).map((name) => this.#slot(name));
    this.element = el("fieldset", { class: "control" }, el("legend", {}, "Towards a picture"), el("div", { class: "slots" }, all));
    document.addEventListener("paste", (event) => this.#pasted(event));
    acceptDrops($("screen"), (file) => this.put("first_picture", file));
    for (const type of ["welcome", "settings"]) stream.addEventListener(type, () => this.#restore());
  }

  get offered() {
    return this.stream.model?.takes.includes("hint");
  }

  async put(name, file) {
    if (!this.offered) return toast("This model takes no pictures: it was trained without given frames.");
    if (!file?.type.startsWith("image/")) return toast("This is not a picture: choose a PNG, JPEG, WebP or GIF file.");
    if (file.size > MOST_BYTES) return toast(`The picture has ${Math.round(file.size / 2 ** 20)} MiB, more than 20: make it smaller.`);
    const slot = this.#slots[name];
    slot.classList.add("busy");
    try {
      const { picture, cut } = await this.upload(file);
      this.#show(name, URL.createObjectURL(file));
      this.stream.change({ [name]: picture });
      announce(`${SLOTS[name]} set.${cut ? ` ${cut}.` : ""}`);
      if (cut) toast(`${SLOTS[name]}: ${cut}.`, 5);
    } catch (error) {
      toast(error.message);
    } finally {
      slot.classList.remove("busy");
    }
  }

  #slot(name) {
    const input = el("input", { type: "file", accept: "image/*", class: "unseen", "aria-label": `${SLOTS[name]}: ${HINTS[name]}`, onchange: () => input.files[0] && this.put(name, input.files[0]).then(() => (input.value = "")) });
    const remove = el("button", { type: "button", class: "remove", "aria-label": `Remove the ${SLOTS[name].toLowerCase()}`, hidden: true, onclick: () => this.#remove(name) }, icon("close"));
    const label = el("label", { class: "well" }, input, el("span", { class: "frame" }, icon("picture")), el("b", {}, SLOTS[name]), el("small", {}, HINTS[name]));
    const slot = el("div", { class: "slot", "data-slot": name }, label, remove);
    acceptDrops(slot, (file) => this.put(name, file));
    this.#slots[name] = slot;
    return slot;
  }

  #show(name, source) {
    const frame = this.#slots[name].querySelector(".frame");
    const old = frame.querySelector("img");
    if (old) URL.revokeObjectURL(old.src);
    frame.replaceChildren(source ? el("img", { src: source, alt: "" }) : icon("picture"));
    this.#slots[name].querySelector(".remove").hidden = !source;
  }

  #remove(name) {
    this.#show(name, null);
    this.stream.change({ [name]: null });
    this.#slots[name].querySelector("input").focus();
  }

  #restore() {
    for (const name of Object.keys(SLOTS)) if (!this.stream.settings[name]) this.#show(name, null);
  }

  #pasted(event) {
    const file = [...(event.clipboardData?.files ?? [])].find(({ type }) => type.startsWith("image/"));
    if (!file || document.querySelector("dialog[open]")) return;
    event.preventDefault();
    const slot = document.activeElement?.closest(".slot")?.dataset.slot ?? "first_picture";
    this.put(slot, file);
  }
}

/** Lets files be dropped on an element. */
export function acceptDrops(element, take) {
  const over = (is) => element.classList.toggle("drop", is);
  element.addEventListener("dragover", (event) => {
    if (![...event.dataTransfer.types].includes("Files")) return;
    event.preventDefault();
    over(true);
  });
  element.addEventListener("dragleave", () => over(false));
  element.addEventListener("drop", (event) => {
    event.preventDefault();
    event.stopPropagation();
    over(false);
    const [file] = event.dataTransfer.files;
    if (file) take(file);
  });
}
