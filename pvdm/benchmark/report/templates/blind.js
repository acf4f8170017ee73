// The blind comparison, of the videos of the wall (wall.js).

// ---- Blind comparison: what can be compared.

const lanes = all(".lane").map((lane) => ({
  kind: lane.dataset.kind, name: lane.dataset.group, frames: Number(lane.dataset.frames), clips: all(".clip", lane),
}));

/** Pairs of groups of one length: two models first, then a model and real videos. */
function findContests() {
  const rank = ([a, b]) => (b.kind === "real" ? 1 : a.kind === "other" || b.kind === "other" ? 0 : 2);
  const found = [];
  lanes.forEach((a, index) => lanes.slice(index + 1).forEach((b) => {
    const restored = [a, b].some((lane) => lane.kind === "reconstructed"), real = [a, b].some((lane) => lane.kind === "real");
    if (a.frames === b.frames && !(a.kind === "real" && b.kind === "real") && (!restored || real))
      found.push(a.kind === "real" ? [b, a] : [a, b]);
  }));
  return found.sort((p, q) => rank(p) - rank(q));
}

/** Each video of one group with one of the other: the same number and class, else the same class, else any. */
function makePairs([a, b]) {
  const left = new Set(a.clips), free = new Set(b.clips), pairs = [];
  const sameClass = (x, y) => x.dataset.class === y.dataset.class;
  const alike = [(x, y) => sameClass(x, y) && x.dataset.index === y.dataset.index, sameClass, () => true];
  for (const fits of alike) for (const x of left) {
    const y = [...free].find((other) => fits(x, other));
    if (y === undefined) continue;
    pairs.push([x, y]);
    left.delete(x);
    free.delete(y);
  }
  return pairs;
}

/** Uniform numbers in [0, 1) from a seed of 32 bits (mulberry32), so that the order is recorded by the seed. */
function randomFrom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function shuffled(items, random) {
  const order = [...items];
  for (let last = order.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1));
    [order[last], order[other]] = [order[other], order[last]];
  }
  return order;
}

// ---- Blind comparison: a round. Nothing on the page tells the sides apart; the round is kept here alone.

const contests = findContests();
const votes = [];
let round = null, downloaded = 0, shownAt = 0;

function startRound(contest, count) {
  const seed = crypto.getRandomValues(new Uint32Array(1))[0], random = randomFrom(seed);
  const numbered = makePairs(contest).map((pair, index) => ({ number: index + 1, pair }));
  const tasks = shuffled(numbered, random).slice(0, count).map(({ number, pair }) => {
    const swapped = random() < 0.5;
    return { number, sides: swapped ? [pair[1], pair[0]] : pair };
  });
  round = { contest, seed, tasks, done: 0, first: votes.length };
  openJudge();
}

function openJudge() {
  if (!judge.open) judge.showModal();
  refreshAll();
  showTask();
}

const screens = () => [one("judge-left"), one("judge-right")];

function showTask() {
  const { tasks, done } = round, over = done === tasks.length;
  one("judge-progress").textContent = over ? `${tasks.length} pairs judged` : `Pair ${done + 1} of ${tasks.length}`;
  one("judge-bar").max = tasks.length;
  one("judge-bar").value = done;
  one("judge-back").disabled = done === 0;
  one("judge-body").hidden = over;
  one("judge-end").hidden = !over;
  screens().forEach((video) => video.hasAttribute("src") && release(video));
  if (over) return showEnd();
  screens().forEach((video, side) => { video.src = newAddress(tasks[done].sides[side]); });
  shownAt = performance.now();
  playTogether(tasks[done]);
}

/** Both begin together and are cut to the shorter, so that their length gives nothing away. */
async function playTogether(task) {
  const videos = screens();
  const ready = (video) => video.readyState > 2 ? null : new Promise((done) => video.addEventListener("canplay", done, { once: true }));
  await Promise.all(videos.map(ready));
  const isShown = () => judge.open && round.tasks[round.done] === task;
  if (!isShown()) return;
  const end = Math.min(...videos.map((video) => video.duration));
  const equal = videos.every((video) => video.duration - end < 0.02);
  videos.forEach((video) => { video.loop = equal; play(video); });
  if (!equal) requestAnimationFrame(function rewind() {
    if (!isShown()) return;
    if (videos.some((video) => video.ended || video.currentTime >= end))
      videos.forEach((video) => { video.currentTime = 0; play(video); });
    requestAnimationFrame(rewind);
  });
}

function vote(choice) {
  if (round.done === round.tasks.length) return;
  const { number, sides } = round.tasks[round.done];
  const seconds = ((performance.now() - shownAt) / 1000).toFixed(1);
  votes.push({ number, sides, choice, time: new Date().toISOString(), seconds, seed: round.seed });
  round.done += 1;
  showTask();
}

function takeBack() {
  if (round.done === 0) return;
  votes.pop();
  downloaded = Math.min(downloaded, votes.length);
  round.done -= 1;
  showTask();
}

function judgeKey(event) {
  const action = { 1: () => vote("left"), 0: () => vote("same"), 2: () => vote("right"), Backspace: takeBack }[event.key];
  if (action === undefined || event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  action();
}

function judgeClosed() {
  screens().forEach((video) => video.hasAttribute("src") && release(video));
  const open = round.done < round.tasks.length;
  one("blind-continue").hidden = !open;
  one("blind-download").hidden = votes.length === 0;
  one("blind-note").textContent = votes.length === 0 ? "" :
    `${votes.length} ${votes.length === 1 ? "vote" : "votes"} so far${open ? `; ${round.tasks.length - round.done} of this round left` : ""}.`;
  refreshAll();
}

// ---- Blind comparison: the result.

/** 95 % interval of a share (Wilson, 1927). */
function interval(wins, total) {
  const z = 1.96, share = wins / total, middle = (share + z * z / (2 * total)) / (1 + z * z / total);
  const half = z / (1 + z * z / total) * Math.sqrt(share * (1 - share) / total + z * z / (4 * total * total));
  return [middle - half, middle + half].map((value) => `${Math.round(100 * value)}`);
}

const laneOf = (clip) => clip.closest(".lane").dataset.group;
const preferred = ({ choice, sides }) => choice === "same" ? null : laneOf(sides[choice === "left" ? 0 : 1]);

function addRow(body, cells, tag) {
  const row = body.insertRow();
  cells.forEach((text, index) => {
    const cell = document.createElement(tag ?? (index ? "td" : "th"));
    cell.scope = tag ? "col" : "row";
    cell.textContent = text;
    row.append(cell);
  });
}

function showEnd() {
  const mine = votes.slice(round.first), names = round.contest.map((lane) => lane.name);
  const wins = names.map((name) => mine.filter((vote) => preferred(vote) === name).length);
  const decided = wins[0] + wins[1];
  const table = document.createElement("table");
  table.createCaption().textContent = `What you preferred, of ${mine.length} pairs; the share is of those you decided`;
  addRow(table.createTHead(), ["Videos", "Preferred", "Share (95 % interval)"], "th");
  const body = table.createTBody();
  names.forEach((name, side) => {
    const [low, high] = decided ? interval(wins[side], decided) : [];
    addRow(body, [name, wins[side], decided ? `${Math.round(100 * wins[side] / decided)} % (${low} to ${high} %)` : "none decided"]);
  });
  addRow(body, ["No difference", mine.length - decided, ""]);
  one("judge-result").replaceChildren(table);
  one("judge-download").focus();
}

/** Quoted where needed; what a spreadsheet would take for a formula is made text. */
function csvCell(value) {
  const text = String(value), safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

function csv() {
  const head = ["pair", "left", "right", "choice", "time", "left_is", "right_is", "seconds", "seed"];
  const lines = votes.map(({ number, sides, choice, time, seconds, seed }) =>
    [number, ...sides.map((clip) => clip.dataset.file), choice, time, ...sides.map(laneOf), seconds, seed]);
  return [head, ...lines].map((line) => line.map(csvCell).join(",")).join("\r\n") + "\r\n";
}

function download() {
  const anchor = document.createElement("a");
  anchor.href = URL.createObjectURL(new Blob([csv()], { type: "text/csv" }));
  anchor.download = "pvdm-votes.csv";
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(anchor.href), 10000);
  downloaded = votes.length;
}

function startBlind() {
  const select = one("contest"), count = one("pair-count"), start = one("blind-start");
  contests.forEach(([a, b], index) => select.add(new Option(`${a.name}  or  ${b.name}`, index)));
  const limit = () => {
    const most = contests.length ? makePairs(contests[select.value]).length : 0;
    count.max = most;
    count.value = Math.min(Math.max(Number(count.value), 1), most);
  };
  start.disabled = contests.length === 0;
  if (!contests.length) one("blind-note").textContent = "There are no two groups of videos of the same length to compare.";
  limit();
  select.addEventListener("change", () => { count.value = 20; limit(); });
  one("blind-form").addEventListener("submit", (event) => {
    event.preventDefault();
    startRound(contests[select.value], Number(count.value));
  });
  one("blind-continue").addEventListener("click", openJudge);
  for (const id of ["blind-download", "judge-download"]) one(id).addEventListener("click", download);
  for (const id of ["judge-leave", "judge-close"]) one(id).addEventListener("click", () => judge.close());
  for (const button of all("[data-choice]")) button.addEventListener("click", () => vote(button.dataset.choice));
  one("judge-back").addEventListener("click", takeBack);
  judge.addEventListener("keydown", judgeKey);
  judge.addEventListener("close", judgeClosed);
  addEventListener("beforeunload", (event) => votes.length > downloaded && event.preventDefault());
}

startBlind();
