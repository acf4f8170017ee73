// The result, asked for again and again; a row is a source, its win share a dot with its interval.

const EVERY = 2000;
const one = (id) => document.getElementById(id);
const percent = (share) => `${Math.round(100 * share)}\u00a0%`;
const amount = (count, noun) => `${count} ${count === 1 ? noun : noun.endsWith("person") ? "people" : `${noun}s`}`;

function make(tag, properties, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

/** A share from 0 to 1 and its interval on a line, whose middle is a draw. */
function span({ share, share_low: low, share_high: high }) {
  const [line, dot] = [make("i"), make("b")];
  Object.assign(line.style, { left: `${100 * low}%`, width: `${100 * (high - low)}%` });
  dot.style.left = `${100 * share}%`;
  return make("div", { className: "span", ariaHidden: "true" }, line, dot);
}

/** A number and its interval. */
const measured = (value, low, high) => make("span", {}, value, make("small", {}, `${low} to ${high}`));
const winShare = ({ share, share_low: low, share_high: high }) => measured(percent(share), percent(low), percent(high));

function elo({ rating, low, high }) {
  const sign = rating > 1999.99 ? "at least " : rating < 0.01 ? "at most " : "";
  return measured(sign + Math.round(rating), Math.round(low), Math.round(high));
}

function table(heads, rows) {
  const cell = (content, index) => make(index ? "td" : "th", { scope: index ? "" : "row" }, content);
  const head = make("tr", {}, ...heads.map((text) => make("th", { scope: "col" }, text)));
  const body = rows.map((cells) => make("tr", {}, ...cells.map(cell)));
  for (const row of [head, ...body]) row.lastChild.className = "extra";
  return make("div", { className: "scroll" }, make("table", {}, make("thead", {}, head), make("tbody", {}, ...body)));
}

const tally = (rating) => `${rating.won} / ${rating.lost} / ${rating.tied}`;

function asked({ text, votes, ratings, duels }) {
  const panel = make("section", { className: "panel" }, make("h2", {}, text), make("p", { className: "quiet" }, amount(votes, "vote")));
  if (votes) panel.append(table(["Source", "Win share", "", "Elo", "Won / lost / tied"],
    ratings.map((rating) => [rating.source, winShare(rating), span(rating), elo(rating), tally(rating)])));
  if (duels.length) panel.append(table(["Source", "Against", "Win share", "", "Won / lost / tied"],
    duels.map(({ one: rating, other }) => [rating.source, other, winShare(rating), span(rating), tally(rating)])));
  return panel;
}

function summary({ people, pairs, left_out: out, agreement }) {
  const parts = [amount(people, "person"), `${amount(pairs, "pair")} judged`];
  if (out.length) parts.push(`${amount(out.length, "person")} left out by the attention checks`);
  if (agreement !== null) parts.push(`repeated pairs judged as before: ${percent(agreement)}`);
  return parts.join(" · ");
}

let shown = "";
async function refresh() {
  try {
    const answer = await fetch("results.json" + location.search), text = await answer.text();
    if (!answer.ok) throw new Error(JSON.parse(text).error);
    one("problem").hidden = true;
    if (text !== shown) {
      const result = JSON.parse(shown = text);
      one("summary").textContent = summary(result);
      one("asked").replaceChildren(...result.questions.map(asked));
    }
  } catch (error) {
    one("problem").textContent = `The result could not be loaded (${error.message}); it is asked for again.`;
    one("problem").hidden = false;
  }
  setTimeout(refresh, EVERY);
}

one("csv").href += location.search;
refresh();
