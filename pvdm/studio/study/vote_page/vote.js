// One pair after the other; an answer counts when the server has it on its disk, and only then the next question comes.

const one = (id) => document.getElementById(id);
const { questions } = JSON.parse(one("data").textContent);
const screens = ["left", "right"].map((side) => ({ side, video: one(side) }));
const choices = [...document.querySelectorAll("[data-choice]")];
const loading = new Map();
/** tasks: the answers to each task given until now, by question; place and step: the task and the question shown. */
let tasks = [], total = 0, place = 0, step = 0, playing = null, shownAt = 0;

async function ask(path, body) {
  const options = body && { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  const answer = await fetch(path + location.search, options);
  if (answer.ok) return answer;
  const told = await answer.json().catch(() => ({}));
  throw new Error(told.error || answer.statusText);
}

async function update(path, body) {
  ({ tasks, total } = await (await ask(path, body)).json());
}

/** Both videos of a task as addresses in memory; begun ahead, so that the next pair is there at once. */
function load(at) {
  if (at >= tasks.length) return null;
  if (!loading.has(at)) {
    const videos = screens.map(async ({ side }) => URL.createObjectURL(await (await ask(`videos/${at}/${side}.mp4`)).blob()));
    const both = Promise.all(videos);
    both.catch(() => loading.delete(at));
    loading.set(at, both);
  }
  return loading.get(at);
}

/** Keeps the task that is shown and its neighbors. */
function forgetOthers() {
  for (const [at, addresses] of loading) if (Math.abs(at - place) > 1) {
    addresses.then((both) => both.forEach((address) => URL.revokeObjectURL(address)), () => null);
    loading.delete(at);
  }
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
    tell(`${failure} (${error.message}). Try again in a moment.`);
  }
  main.ariaBusy = "false";
}

function playBoth() {
  for (const { video } of screens) { video.currentTime = 0; video.play().catch(() => null); }
}

async function putOn(at) {
  const addresses = await load(at);
  await Promise.all(screens.map(({ video }, index) => new Promise((ready, fail) => {
    video.onloadeddata = ready;
    video.onerror = () => fail(new Error("this browser cannot play it"));
    video.src = addresses[index];
  })));
  playing = at;
  forgetOthers();
  playBoth();
}

function showProgress() {
  const over = place === total, steps = questions.length > 1 && !over ? `, question ${step + 1} of ${questions.length}` : "";
  one("progress").textContent = over ? `${total} pairs judged` : `Pair ${place + 1} of ${total}${steps}`;
  one("bar").max = total * questions.length;
  one("bar").hidden = false;
  one("bar").value = tasks.reduce((sum, answers) => sum + Object.keys(answers).length, 0);
  one("back").disabled = place + step === 0;
  one("intro").hidden = true;
  one("task").hidden = over;
  one("end").hidden = !over;
}

async function show() {
  if (place < total && playing !== place) await putOn(place);
  showProgress();
  if (place === total) { screens.forEach(({ video }) => video.pause()); return; }
  const { name, text } = questions[step];
  one("question").textContent = text;
  for (const button of choices) button.ariaPressed = String(tasks[place][name] === button.dataset.choice);
  shownAt = performance.now();
  load(place + 1);
}

function showIntro() {
  one("progress").textContent = "A study of videos";
  one("told").textContent = `You will see ${total} pairs of short videos${questions.length > 1 ? ", and answer for each" : ", and answer for each"}:`;
  one("questions").replaceChildren(...questions.map(({ text }) => Object.assign(document.createElement("li"), { textContent: text })));
  one("intro").hidden = false;
  one("start").focus();
  load(0);
}

const start = () => attempt(show, "The first pair could not be loaded");

const vote = (choice) => one("task").hidden || attempt(async () => {
  const question = questions[step].name, seconds = (performance.now() - shownAt) / 1000;
  await update("votes", { place, question, choice, seconds });
  step = (step + 1) % questions.length;
  if (step === 0) place += 1;
  await show();
}, "The answer could not be saved");

const back = () => place + step > 0 && attempt(async () => {
  if (step === 0) place -= 1;
  step = (step + questions.length - 1) % questions.length;
  await show();
}, "The pair could not be loaded");

const keys = {
  ArrowLeft: () => vote("left"), ArrowDown: () => vote("same"), ArrowRight: () => vote("right"), Backspace: back,
  1: () => vote("left"), 0: () => vote("same"), 2: () => vote("right"),
};

function key(event) {
  const action = keys[event.key];
  if (action === undefined || event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  action();
}

for (const { video } of screens) video.addEventListener("ended", () => screens.every((other) => other.video.ended) && playBoth());
for (const button of choices) button.addEventListener("click", () => vote(button.dataset.choice));
one("back").addEventListener("click", back);
one("start").addEventListener("click", start);
addEventListener("keydown", key);
attempt(async () => {
  await update("tasks", {});
  const isOpen = (answers) => questions.some(({ name }) => !(name in answers));
  const open = tasks.findIndex(isOpen);
  place = open < 0 ? total : open;
  step = open < 0 ? 0 : questions.findIndex(({ name }) => !(name in tasks[open]));
  if (place + step === 0 && total > 0) showIntro();
  else await show();
}, "The study could not be loaded");
