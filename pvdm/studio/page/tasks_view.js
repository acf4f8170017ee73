// The tabs: a form for each task, its progress, and the result beside it.

import { $, announce, el, icon } from "./elements.js";
import { Job } from "./jobs.js";
import { acceptDrops } from "./picture_slots.js";
import { TASKS } from "./task_forms.js";

export class TasksView {
  constructor(stream) {
    this.stream = stream;
    this.tabs = $("tabs");
    for (const task of TASKS) this.#add(task);
    this.tabs.addEventListener("click", ({ target }) => target.closest("[role=tab]") && this.open(target.closest("[role=tab]")));
    this.tabs.addEventListener("keydown", (event) => this.#keys(event));
    stream.addEventListener("welcome", () => TASKS.forEach((task) => this.#fill(task)));
    this.open($("tab-stream"));
  }

  /** Shows one tab; the stream pauses while another one is open. */
  open(tab) {
    for (const one of this.tabs.children) {
      const chosen = one === tab;
      one.setAttribute("aria-selected", chosen);
      one.tabIndex = chosen ? 0 : -1;
      $(one.getAttribute("aria-controls")).hidden = !chosen;
    }
    if (tab.id !== "tab-stream" && this.stream.playing) this.stream.pause();
    tab.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  #add({ task, title }) {
    const tab = el("button", { type: "button", role: "tab", id: `tab-${task}`, "aria-controls": `panel-${task}`, "aria-selected": "false", tabindex: "-1" }, title);
    this.tabs.append(tab);
    $("panel-stream").after(el("div", { class: "panel-task", role: "tabpanel", id: `panel-${task}`, "aria-labelledby": tab.id, hidden: true }));
  }

  #fill(task) {
    const offered = task.offered(this.stream.model);
    $(`tab-${task.task}`).classList.toggle("not-offered", !offered);
    const panel = $(`panel-${task.task}`);
    if (panel.childElementCount) return;
    const head = el("div", { class: "task-head" }, el("h2", {}, task.title), el("p", {}, task.text));
    panel.append(head, ...(offered ? this.#form(task) : [el("p", { class: "callout warn" }, task.missing)]));
  }

  #form(task) {
    const { model } = this.stream;
    const fields = task.fields.filter(({ takes }) => !takes || model.takes.includes(takes));
    const result = el("div", { class: "result" }, el("p", { class: "empty" }, "The result appears here."));
    const submit = el("button", { class: "primary" }, "Make it");
    const form = el("form", { class: "panel" }, fields.map((field) => this.#field(task, field)), submit);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#run(task, form, result, submit);
    });
    return [el("div", { class: "task" }, form, result)];
  }

  #field(task, field) {
    const id = `${task.task}-${field.name}`;
    if (field.kind === "file") return fileField(id, field);
    const { kind, label, takes, values, value, ...attributes } = field;
    const { model } = this.stream;
    const choices = kind === "classes" ? ["", ...(model.classes ?? [])] : values;
    const input = choices
      ? el("select", { id, name: field.name }, choices.map((name) => el("option", { value: name }, name || "any")))
      : el("input", { id, type: kind, ...attributes, value: typeof value === "function" ? value(model) : value });
    return el("div", { class: "control" }, el("label", { for: id }, label), input);
  }

  async #run(task, form, result, submit) {
    const data = new FormData(form);
    const settings = {}, files = {};
    for (const { name, kind } of task.fields) {
      const value = data.get(name);
      if (kind === "file" && value?.size) files[name] = value;
      else if (kind !== "file" && value) settings[name] = kind === "number" ? Number(value) : value;
    }
    const job = new Job(task.task, settings, files);
    submit.disabled = true;
    result.scrollIntoView({ block: "nearest" });
    try {
      const addresses = await job.run((state) => showProgress(result, state, job));
      result.replaceChildren(...addresses.map(shown));
      announce(`${task.title}: the result is there.`);
    } catch (error) {
      result.replaceChildren(el("p", { class: "callout warn", role: "alert" }, error.message));
    } finally {
      submit.disabled = false;
    }
  }

  #keys(event) {
    const tabs = [...this.tabs.children];
    const at = tabs.indexOf(document.activeElement);
    const next = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: tabs.length - 1 }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    const tab = tabs[(next + tabs.length) % tabs.length];
    this.open(tab);
    tab.focus();
  }
}

function fileField(id, { name, label, accept, required }) {
  const input = el("input", { id, name, type: "file", accept, required });
  const preview = el("span", { class: "preview" }, icon("picture"));
  input.addEventListener("change", () => {
    const [file] = input.files;
    const old = preview.querySelector("img, video");
    if (old) URL.revokeObjectURL(old.src);
    preview.replaceChildren(file ? media(URL.createObjectURL(file), file.type) : icon("picture"));
  });
  const box = el("div", { class: "control file" }, el("label", { for: id }, label, required ? "" : el("small", {}, " optional")), preview, input);
  acceptDrops(box, (file) => {
    const given = new DataTransfer();
    given.items.add(file);
    input.files = given.files;
    input.dispatchEvent(new Event("change"));
  });
  return box;
}

export function showProgress(place, { state, progress, place: turn }, job) {
  const text = state === "waiting" ? (turn > 0 ? `Place ${turn} in the queue` : "Waiting for its turn") : `${Math.round(100 * (progress ?? 0))} %`;
  const old = place.querySelector("progress");
  if (old) {
    old.value = progress ?? 0;
    place.querySelector(".amount").textContent = text;
    return;
  }
  const cancel = el("button", { type: "button", class: "quiet-button", onclick: () => job.cancel() }, "Cancel");
  const bar = el("progress", { max: "1", "aria-label": "Progress", value: progress ?? 0 });
  place.replaceChildren(el("div", { class: "running" }, bar, el("p", { class: "amount" }, text), cancel));
}

const media = (address, type) =>
  type.startsWith("video/")
    ? el("video", { src: address, autoplay: true, loop: true, muted: true, playsinline: true })
    : el("img", { src: address, alt: "" });

function shown(address) {
  const name = decodeURIComponent(address.split("/").at(-1));
  const kind = /\.(mp4|webm|mov)$/i.test(name) ? "video" : /\.(gif|png|jpe?g|webp)$/i.test(name) ? "image" : null;
  const view =
    kind === "video" ? el("video", { src: address, autoplay: true, loop: true, muted: true, controls: true, playsinline: true }) : kind && el("img", { src: address, alt: "The result" });
  return el("figure", {}, view || null, el("figcaption", {}, el("a", { href: address, download: name }, `Download ${name}`)));
}
