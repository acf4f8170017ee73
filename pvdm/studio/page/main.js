// Starts the studio: makes its parts and connects them.

import { CompareView } from "./compare_view.js";
import { Connection } from "./connection.js";
import { Controls } from "./controls.js";
import { $, announce, toast } from "./elements.js";
import { ExportView } from "./export_view.js";
import { Figures } from "./figures.js";
import { codecs } from "./frame_decoder.js";
import { request } from "./jobs.js";
import { listen } from "./keyboard.js";
import { Player } from "./player.js";
import { ScrubBar } from "./scrub_bar.js";
import { fitStage } from "./stage_size.js";
import { Stream } from "./stream.js";
import { TasksView } from "./tasks_view.js";
import { TimelineView } from "./timeline_view.js";

const BUFFER = 32; // frames that the server may be ahead of the screen

const connection = new Connection(await codecs(), BUFFER);
const player = new Player($("canvas"), null);
const stream = new Stream(connection, player);
const compare = new CompareView(stream);
const exporting = new ExportView(stream);
const scrub = new ScrubBar(stream);
const controls = new Controls(stream, upload);
const timeline = new TimelineView(stream, {
  branch: (clip) => clip !== null && branch(clip),
  compare: (clip) => compare.open(clip ?? timeline.current, timeline.rival()),
  export: (view) => exporting.open(view),
  delete: (clip) => clip !== null && remove(clip),
});
stream.addEventListener("welcome", fitStage($("canvas")));
new Figures(stream);
new TasksView(stream);

const known = connection.stream; // of this tab, before it was reloaded
let isAway = false; // whether the page plays on when it is seen
let isWaiting = false; // for a seat

async function upload(file) {
  const form = new FormData();
  form.set("picture", file, file.name || "picture.png");
  return request(`api/streams/${stream.stream}/picture`, { method: "POST", body: form });
}

function branch(clip) {
  timeline.select(null);
  stream.branch(clip);
  announce(`A branch from clip ${clip}`);
}

function remove(clip) {
  const count = stream.tree.size;
  stream.delete(clip);
  announce(`${count - stream.tree.size} clips deleted`);
}

function newScene() {
  timeline.select(null);
  stream.newScene();
  announce("New scene");
}

function loop() {
  if (stream.looping) stream.play();
  else if (timeline.span.length) stream.loop(timeline.span);
}

function toggle() {
  stream.toggle();
  announce(stream.playing ? "Playing" : `Paused${stream.position ? ` at clip ${stream.position.clip}` : ""}`);
}

function showState() {
  const { playing, looping } = stream;
  $("play-icon").setAttribute("href", playing ? "#icon-pause" : "#icon-play");
  $("play").setAttribute("aria-label", playing ? "Pause" : "Play");
  $("loop").setAttribute("aria-pressed", looping !== null);
  $("start").hidden = playing || stream.position !== null || !stream.model;
  document.body.dataset.state = looping ? "looping" : playing ? "playing" : "paused";
}

/** A newcomer sees moving video without a click, unless the system asks for less motion. */
function startNew() {
  const isKept = stream.stream === known; // a page that was reloaded stays as it is
  if (isKept) return;
  if (!stream.settings.prompt) controls.example();
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  if (document.hidden) isAway = true;
  else stream.play();
}

/** A hidden page pauses and plays on when it is seen; one that waits for its turn keeps its place. */
function showOrHide() {
  if (document.hidden && stream.playing && !stream.looping && !isWaiting) {
    stream.pause();
    isAway = true;
  } else if (!document.hidden && isAway) {
    isAway = false;
    if (!stream.playing) stream.play();
  }
}

for (const type of ["state", "welcome", "position", "tree"]) stream.addEventListener(type, showState);
stream.addEventListener("arrived", ({ detail }) => announce(`Clip ${detail.id} shows the change`));
stream.addEventListener("trouble", ({ detail }) => toast(detail));
stream.addEventListener("welcome", startNew, { once: true });
document.addEventListener("visibilitychange", showOrHide);
connection.addEventListener("status", ({ detail }) => (isWaiting = detail.state === "waiting"));
connection.addEventListener("error", ({ detail }) => toast(detail.message));
player.addEventListener("broken", () => connection.fallBack());
$("play").addEventListener("click", toggle);
$("start").addEventListener("click", toggle);
$("canvas").addEventListener("click", toggle);
$("new-scene").addEventListener("click", newScene);
$("loop").addEventListener("click", loop);
$("speed").addEventListener("change", ({ target }) => (player.speed = Number(target.value)));
$("help-button").addEventListener("click", () => $("help").showModal());
window.addEventListener("dragover", (event) => event.preventDefault()); // a file dropped beside a slot opens nothing
window.addEventListener("drop", (event) => event.preventDefault());

listen({
  " ": toggle,
  n: newScene,
  l: loop,
  b: () => timeline.current !== null && branch(timeline.current),
  r: () => controls.roll(),
  p: () => $("prompt")?.focus(),
  "?": () => $("help").showModal(),
  Escape: () => timeline.select(null),
  ArrowLeft: () => scrub.step(-1),
  ArrowRight: () => scrub.step(1),
  "Shift+ArrowLeft": () => scrub.stepClip(-1),
  "Shift+ArrowRight": () => scrub.stepClip(1),
});

if (location.search) history.replaceState(null, "", location.pathname); // the token, which a cookie has now
connection.connect();
