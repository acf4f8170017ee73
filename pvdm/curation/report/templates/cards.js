// The cards of scores: histograms, handles, and the clips near a threshold.

const SHOWN = 5;
const one = (id) => document.getElementById(id);
const all = (selector, below = document) => [...below.querySelectorAll(selector)];
const count = (number) => number.toLocaleString("en");
const clipsOf = (number) => `${count(number)} ${number === 1 ? "clip" : "clips"}`;

function element(tag, attributes, ...children) {
  const made = Object.assign(document.createElement(tag), attributes);
  made.append(...children);
  return made;
}

/** Bars of one width as the path of an SVG; heights are square roots. */
function bars(counts, most) {
  const height = (number) => 100 * Math.sqrt(number / most);
  return [...counts].map((number, place) => number ? `M${place + .06} 100V${100 - Math.max(2, height(number))}h.88V100z` : "").join("");
}

/** A limit in words, for people and for screen readers. */
const fromWords = ({ edges, low }) => low > 0 ? `at least ${edges[low - 1]}` : "no lower limit";
const belowWords = ({ edges, high, most }) => high < most ? `below ${edges[high - 1]}` : "no upper limit";

class Card {
  constructor(article) {
    this.score = scores[article.dataset.score];
    this.place = Number(article.dataset.score);
    this.article = article;
    [this.low, this.high] = all("input", article);
    const counts = histogram(this.score.places, this.score.most, everyRow);
    this.highest = Math.max(...counts);
    article.querySelector(".all").setAttribute("d", bars(counts, this.highest));
    this.shown = data.thumbnails.filter(({ row }) => this.score.places[row] !== ABSENT)
      .sort((a, b) => this.score.places[a.row] - this.score.places[b.row] || a.values[this.place] - b.values[this.place]);
    this.low.addEventListener("input", () => this.move("low"));
    this.high.addEventListener("input", () => this.move("high"));
    this.remove = article.querySelector("button");
    this.remove.addEventListener("click", () => { this.clear(); this.low.focus(); changed(); });
    this.moved = null;
    this.key = undefined;
  }

  /** Takes over the place of a handle, which cannot pass the other one. */
  move(side) {
    const { score } = this;
    if (side === "low") score.low = Math.min(Number(this.low.value), score.high - 1);
    else score.high = Math.max(Number(this.high.value), score.low + 1);
    this[side].value = score[side];
    this.moved = (side === "low" ? score.low > 0 : score.high < score.most) ? side : null;
    changed();
  }

  clear() {
    Object.assign(this.score, { low: 0, high: this.score.most });
    this.moved = null;
  }

  show() {
    const { score, article } = this;
    this.low.value = score.low;
    this.high.value = score.high;
    this.low.classList.toggle("upper", score.low > score.most / 2);
    this.low.setAttribute("aria-valuetext", fromWords(score));
    this.high.setAttribute("aria-valuetext", belowWords(score));
    const handles = article.querySelector(".handles");
    handles.style.setProperty("--from", score.low / score.most);
    handles.style.setProperty("--to", score.high / score.most);
    article.querySelector(".left").setAttribute("d", bars(histogram(score.places, score.most, left), this.highest));
    this.remove.hidden = !isLimited(score);
    article.querySelector(".kept").textContent = isLimited(score)
      ? `Keeps ${bounds(score).join(" and ")}; this limit alone leaves out ${clipsOf(whole(score.alone))}.` : "No limit.";
    this.showNear(article.querySelector(".near"));
  }

  /** Pictures are made anew only if they are others. */
  showNear(place) {
    const key = this.moved && this.score[this.moved];
    if (key !== this.key) place.replaceChildren(...this.near());
    this.key = key;
    for (const item of all("li", place)) item.classList.toggle("out", refusals[item.dataset.row] > 0);
  }

  /** Clips on both sides of the threshold moved last, or across the range. */
  near() {
    if (!this.shown.length) return [];
    if (!this.moved) return this.across();
    const border = this.score[this.moved], edge = this.score.edges[border - 1];
    const side = this.shown.findIndex(({ row }) => this.score.places[row] >= border);
    const place = side < 0 ? this.shown.length : side;
    return [
      this.row(`Nearest below ${edge}`, this.shown.slice(Math.max(0, place - SHOWN), place)),
      this.row(`Nearest from ${edge} on`, this.shown.slice(place, place + SHOWN)),
    ];
  }

  across() {
    const most = Math.min(2 * SHOWN, this.shown.length), last = this.shown.length - 1;
    const chosen = Array.from({ length: most }, (_, index) => this.shown[Math.round(index * last / Math.max(1, most - 1))]);
    const half = Math.ceil(most / 2);
    return [this.row("From the lowest", chosen.slice(0, half)), this.row("to the highest", chosen.slice(half))];
  }

  row(title, clips) {
    const items = clips.map((clip) => this.item(clip));
    const list = items.length ? element("ul", {}, ...items) : element("p", { className: "missing" }, "No such clip is shown.");
    return element("section", {}, element("h5", {}, title), list);
  }

  item({ row, src, file, span, values }) {
    const value = element("b", { className: "number" }, values[this.place]), name = file.split("/").pop();
    const item = element("li", { title: `${file} ${span}` },
      element("img", { src, alt: `${name} ${span}`, decoding: "async" }),
      element("p", {}, value), element("p", { className: "quiet" }, span, element("span", { className: "unseen" }, ` of ${name}`)));
    item.dataset.row = row;
    return item;
  }
}
