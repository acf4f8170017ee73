// One pair after the other; a vote counts when the server has it on its disk, and only then the next pair comes.

const one = (id) => document.getElementById(id);
const { pairs } = JSON.parse(one("data").textContent);
const screens = ["left", "right"].map((side) => ({ side, video: one(side) }));
const coming = new Map();
let votes = {}, place = 0, shownAt = 0;

const addressOf = (number, side) => `pairs/${String(number).padStart(4, "0")}-${side}.mp4`;

async function ask(path, options) {
  const answer = await fetch(path, options);
  if (!answer.ok) throw new Error(await answer.text() || answer.statusText);
  return answer;
}

/** Both videos of a pair as addresses in memory; begun ahead, so that the next pair is there at once. */
function load(number) {
  if (number === undefined) return null;
  if (!coming.has(number)) coming.set(number, Promise.all(screens.map(async ({ side }) =>
    URL.createObjectURL(await (await ask(addressOf(number, side))).blob()))));
  return coming.get(number);
}

function forget(number) {
  coming.get(number)?.then((addresses) => addresses.forEach((address) => URL.revokeObjectURL(address)), () => null);
  coming.delete(number);
}

function tell(problem) {
  one("problem").hidden = !problem;
  one("problem").textContent = problem ?? "";
}

/** Runs one thing at a time, and says what went wrong, after which it can be tried again. */
async function attempt(work, failure) {
  const main = document.querySelector("main");
  if (main.ariaBusy === "true") return;
  main.ariaBusy = "true";
  try {
    await work();
    tell(null);
  } catch (error) {
    tell(`${failure} (${error.message}); is pvdm curate vote still running?`);
  }
  main.ariaBusy = "false";
}

async function show() {
  const over = place === pairs.length, done = Object.keys(votes).length;
  one("progress").textContent = over ? `${done} pairs judged` : `Pair ${place + 1} of ${pairs.length}`;
  one("bar").max = pairs.length;
  one("bar").value = done;
  one("task").hidden = over;
  one("end").hidden = !over;
  one("back").disabled = place === 0;
  if (over) return;
  const addresses = await load(pairs[place]);
  await Promise.all(screens.map(({ video }, side) => new Promise((ready) => {
    video.addEventListener("loadeddata", ready, { once: true });
    video.src = addresses[side];
  })));
  for (const { video } of screens) { video.currentTime = 0; video.play().catch(() => null); }
  shownAt = performance.now();
  load(pairs[place + 1])?.catch(() => forget(pairs[place + 1]));
}

const vote = (choice) => place < pairs.length && attempt(async () => {
  const pair = pairs[place], seconds = (performance.now() - shownAt) / 1000;
  await ask("votes", {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ pair, choice, seconds }),
  });
  votes[pair] = choice;
  forget(pair);
  place += 1;
  await show();
}, "The vote could not be saved");

const back = () => place > 0 && attempt(async () => { place -= 1; await show(); }, "The pair could not be loaded");

function key(event) {
  const action = { 1: () => vote("left"), 0: () => vote("same"), 2: () => vote("right"), Backspace: back }[event.key];
  if (action === undefined || event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  action();
}

for (const button of document.querySelectorAll("[data-choice]")) button.addEventListener("click", () => vote(button.dataset.choice));
for (const id of ["back", "again"]) one(id).addEventListener("click", back);
addEventListener("keydown", key);
if (location.protocol === "file:") tell("Open this page by pvdm curate vote, which keeps the votes.");
else attempt(async () => {
  votes = await (await ask("votes")).json();
  const open = pairs.findIndex((pair) => !(pair in votes));
  place = open < 0 ? pairs.length : open;
  await show();
}, "The votes could not be loaded");
