// Export of the selected clips, or of a whole branch: a video file, JSON that reproduces it, or a command line.

import { $, clock, el } from "./elements.js";
import { Job } from "./jobs.js";
import { showProgress } from "./tasks_view.js";

const FORMATS = {
  mp4: ["mp4", "plays everywhere"],
  gif: ["GIF", "for pages and messages"],
  json: ["JSON", "model, seeds and settings: makes the same video again, bit for bit"],
  command: ["Command line", "that makes it again"],
};

export class ExportView {
  constructor(stream) {
    this.stream = stream;
    this.dialog = $("export");
  }

  open(timeline) {
    const { tree, library, player, position } = this.stream;
    const clip = timeline.current ?? position?.clip;
    if (clip === undefined || clip === null) return;
    const choices = { way: ["From the start to this clip", tree.back(clip)], branch: ["The whole branch", tree.path(clip)] };
    if (timeline.span.length > 1) choices.span = ["The selected clips", timeline.span];
    else choices.span = ["This clip alone", [clip]];
    const length = (clips) => clock((clips.length * library.count) / player.fps);
    const row = ([name, [text, clips]], i) => option("clips", name, text, `${clips.length} clip${clips.length > 1 ? "s" : ""}, ${length(clips)}`, i === 0);
    const result = el("div", { class: "result" });
    const form = el(
      "form",
      { method: "dialog" },
      el("h2", { id: "export-title" }, "Export"),
      el("fieldset", {}, el("legend", {}, "Which clips"), Object.entries(choices).map(row)),
      el("fieldset", {}, el("legend", {}, "As"), Object.entries(FORMATS).map(([name, [text, note]], i) => option("format", name, text, note, i === 0))),
      result,
      el("div", { class: "actions" }, el("button", { class: "primary", value: "go" }, "Export"), el("button", { class: "quiet-button", value: "close" }, "Close")),
    );
    form.addEventListener("submit", (event) => {
      if (event.submitter?.value === "close") return;
      event.preventDefault();
      const data = new FormData(form);
      this.#run(choices[data.get("clips")][1], data.get("format"), result, event.submitter);
    });
    this.dialog.replaceChildren(form);
    this.dialog.showModal();
  }

  async #run(clips, format, result, submit) {
    const job = new Job("export", { stream: this.stream.stream, clips, format });
    submit.disabled = true;
    try {
      const [address, ...needed] = await job.run((state) => showProgress(result, state, job));
      if (format === "command") result.replaceChildren(await command(address, needed));
      else result.replaceChildren(download(address));
    } catch (error) {
      result.replaceChildren(el("p", { class: "callout warn", role: "alert" }, error.message));
    } finally {
      submit.disabled = false;
    }
  }
}

function option(group, value, text, note, checked) {
  return el("label", { class: "option" }, el("input", { type: "radio", name: group, value, checked }), el("b", {}, text), el("small", {}, note));
}

function download(address) {
  const shown = el("p", {}, save(address));
  shown.firstChild.click();
  return shown;
}

function save(address) {
  const name = decodeURIComponent(address.split("/").at(-1));
  return el("a", { href: address, download: name }, `Save ${name}`);
}

/** The command, why it is no other one, and links to the files that it needs. */
async function command(address, needed) {
  const lines = (await (await fetch(address, { credentials: "same-origin" })).text()).trim().split("\n");
  const notes = lines.filter((line) => line.startsWith("# ")).map((line) => el("p", {}, line.slice(2)));
  const text = lines.filter((line) => !line.startsWith("#")).join("\n");
  const copy = el("button", { type: "button", class: "quiet-button", onclick: () => navigator.clipboard?.writeText(text).then(() => (copy.textContent = "Copied")) }, "Copy");
  const files = needed.map((file) => el("p", {}, "It needs this file in its folder: ", save(file)));
  return el("div", { class: "command" }, notes, el("pre", {}, el("code", {}, text)), files, copy);
}
