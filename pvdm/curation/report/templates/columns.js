// The clips as columns, the limits on them, and what these leave.

const data = JSON.parse(document.getElementById("data").textContent);
const unpack = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
const floats = (text) => new Float32Array(unpack(text).buffer);
const ABSENT = 255;

/** The number of clips that a number of those on the page stands for. */
const whole = (number) => Math.round(number * data.of / data.clips);

const seconds = floats(data.seconds);
const means = Object.entries(data.means).map(([name, text]) => ({ name, values: floats(text) }));
const scores = data.scores.map((score) => ({
  ...score, places: unpack(score.levels), low: 0, high: score.edges.length + 1, most: score.edges.length + 1,
}));
const categories = data.categories.map((category) => ({
  ...category, places: unpack(category.codes), kept: category.choices.map((choice) => choice.kept),
}));

/** A score's limits are borders between bars: border b is threshold b - 1, the outermost ones are no limits. */
const isLimited = (score) => score.low > 0 || score.high < score.most;
const isChosen = (category) => category.kept.includes(false);
const active = () => [...scores.filter(isLimited), ...categories.filter(isChosen)];

/** For each place (a level or a choice) 1 if a limit leaves it out; of a score also clips that have no value. */
const leftOut = ({ kept, low, high }) =>
  Uint8Array.from({ length: 256 }, (_, place) => Number(kept ? !kept[place] : place < low || place >= high));

const everyRow = Uint32Array.from({ length: data.clips }, (_, row) => row);
const refusals = new Uint8Array(data.clips), rows = new Uint32Array(data.clips);
let left = everyRow;

/** Counts for each clip the limits that leave it out, and for each limit the clips that it alone leaves out; the rest is `left`. */
function countAll() {
  const limits = active().map((limit) => ({ limit, places: limit.places, out: leftOut(limit) }));
  refusals.fill(0);
  for (const { places, out } of limits) for (let row = 0; row < data.clips; row++) refusals[row] += out[places[row]];
  for (const { limit, places, out } of limits) {
    limit.alone = 0;
    for (let row = 0; row < data.clips; row++) if (refusals[row] === 1) limit.alone += out[places[row]];
  }
  let clips = 0, time = 0;
  for (let row = 0; row < data.clips; row++) if (refusals[row] === 0) { rows[clips++] = row; time += seconds[row]; }
  left = rows.subarray(0, clips);
  return { clips: whole(clips), hours: time * data.of / data.clips / 3600 };
}

/** The mean of those clips that are left and have a value; null if none. */
function meanLeft(values) {
  let sum = 0, count = 0;
  for (let place = 0; place < left.length; place++) {
    const value = values[left[place]];
    if (value === value) { sum += value; count++; }  // not NaN
  }
  return count ? sum / count : null;
}

/** How many of some rows are at each level, or of each choice. */
function histogram(places, bars, rows) {
  const counts = new Uint32Array(256);
  for (let place = 0; place < rows.length; place++) counts[places[rows[place]]]++;
  return counts.subarray(0, bars);
}

// ---- The same limits as an expression.

function bounds({ name, edges, low, high, most, isWhole }) {
  const from = low > 0 ? edges[low - 1] : null, below = high < most ? edges[high - 1] : null;
  if (isWhole && from !== null && Number(below) === Number(from) + 1) return [`${name} == ${from}`];
  const last = isWhole && below !== null ? `${name} <= ${Number(below) - 1}` : `${name} < ${below}`;
  return [...(from === null ? [] : [`${name} >= ${from}`]), ...(below === null ? [] : [last])];
}

function anyOf({ choices, kept }) {
  const terms = choices.filter((_, place) => kept[place]).map((choice) => choice.expression);
  return terms.length > 1 ? `(${terms.join(" or ")})` : terms[0];
}

/** The expression of all limits; null if a category keeps nothing. */
function expression() {
  const chosen = categories.filter(isChosen);
  if (chosen.some(({ kept }) => !kept.includes(true))) return null;
  return [...chosen.map(anyOf), ...scores.filter(isLimited).flatMap(bounds)].join(" and ");
}

/** A text as one word of a shell. */
const quoted = (text) => /[$`\\"!]/.test(text) ? `'${text.replaceAll("'", `'"'"'`)}'` : `"${text}"`;
