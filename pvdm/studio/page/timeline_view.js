// The timeline on the page: a thumbnail for each clip, lanes for branches, and actions on what is selected.

import { $, announce, button, el } from "./elements.js";

const CELL = 68, LANE = 64, MARGIN = 400; // pixels: a clip's width, a lane's height, what is drawn beside the view
const SVG = "http://www.w3.org/2000/svg";

export class TimelineView {
  selected = null; // the clip that actions are about
  other = null; // the other end of a span, or of a comparison
  #cells = new Map();
  #places = new Map();
  #touched = 0;

  constructor(stream, actions) {
    this.stream = stream;
    this.lanes = $("lanes");
    this.canvas = el("div", { class: "field-of-clips" });
    this.lines = document.createElementNS(SVG, "svg");
    this.lines.setAttribute("aria-hidden", "true");
    this.canvas.append(this.lines);
    this.lanes.append(this.canvas, el("p", { class: "empty" }, "Every clip that is shown appears here. Go back to any of them and branch."));
    this.#actions(actions);
    stream.addEventListener("tree", () => this.refresh());
    stream.addEventListener("position", () => this.#position());
    for (const type of ["wheel", "pointerdown"]) this.lanes.addEventListener(type, () => (this.#touched = performance.now()), { passive: true });
    this.lanes.addEventListener("scroll", () => requestAnimationFrame(() => this.#draw()), { passive: true });
    this.lanes.addEventListener("keydown", (event) => this.#keys(event));
    new ResizeObserver(() => this.#draw()).observe(this.lanes);
    this.refresh();
  }

  /** The clips that actions are about: the selected span, or the clip on the stage. */
  get span() {
    if (this.selected !== null && this.other !== null) return this.stream.tree.span(this.selected, this.other) ?? [this.selected];
    const clip = this.selected ?? this.stream.position?.clip;
    return clip === undefined ? [] : [clip];
  }

  get current() {
    return this.selected ?? this.stream.position?.clip ?? null;
  }

  select(clip, other = null) {
    this.selected = clip;
    this.other = other;
    this.refresh();
  }

  refresh() {
    const { tree } = this.stream;
    if (!tree.has(this.selected)) this.selected = null;
    if (!tree.has(this.other)) this.other = null;
    this.#places = tree.places();
    const columns = 1 + Math.max(-1, ...[...this.#places.values()].map(({ column }) => column));
    const lanes = 1 + Math.max(-1, ...[...this.#places.values()].map(({ lane }) => lane));
    this.canvas.style.width = `${columns * CELL}px`;
    this.canvas.style.height = `${lanes * LANE}px`;
    this.lanes.classList.toggle("is-empty", !tree.size);
    this.#draw();
    this.#describe();
  }

  #actions(actions) {
    const all = [
      ["branch", "Branch", "b", () => actions.branch(this.current)],
      ["compare", "Compare", null, () => actions.compare(this.selected, this.other)],
      ["export", "Export", null, () => actions.export(this)],
      ["delete", "Delete", null, () => actions.delete(this.current)],
    ];
    this.buttons = Object.fromEntries(
      all.map(([name, label, key, act]) => [name, button(name, label, act, { "aria-keyshortcuts": key })]),
    );
    $("clip-actions").append(...Object.values(this.buttons));
  }

  #describe() {
    const { tree } = this.stream;
    const clip = tree.get(this.current);
    for (const one of Object.values(this.buttons)) one.disabled = !clip;
    this.buttons.compare.disabled = this.other === null && this.#rival() === null;
    const parts = clip ? [`Clip ${clip.id}`, clip.settings?.prompt, clip.settings?.label, `seed ${clip.seed}`] : [];
    if (clip?.settings?.steps) parts.push(`${clip.settings.steps} steps`);
    if (clip?.seconds) parts.push(`made in ${clip.seconds.toFixed(2)} s`);
    const many = this.other === null ? 1 : this.span.length;
    const text = many > 1 ? `${many} clips selected` : parts.filter(Boolean).join(" · ");
    $("chosen").textContent = this.selected === null && clip ? `On the stage: ${text}` : text;
  }

  /** Another branch than the selected clip's, to compare with: the newest clip that is not on its way. */
  #rival() {
    const { tree } = this.stream;
    const way = new Set(tree.path(this.current));
    const others = tree.all().filter(({ id }) => !way.has(id));
    return others.length ? others.at(-1).id : null;
  }

  rival() {
    return this.other !== null && !this.stream.tree.span(this.selected, this.other) ? this.other : this.#rival();
  }

  #draw() {
    const { scrollLeft, clientWidth } = this.lanes;
    const seen = new Set();
    for (const clip of this.stream.tree.all()) {
      const { lane, column } = this.#places.get(clip.id) ?? {};
      if (column === undefined || column * CELL < scrollLeft - MARGIN || column * CELL > scrollLeft + clientWidth + MARGIN) continue;
      seen.add(clip.id);
      const cell = this.#cells.get(clip.id) ?? this.#cell(clip);
      cell.style.transform = `translate(${column * CELL}px, ${lane * LANE}px)`;
      this.#mark(cell, clip);
    }
    for (const [id, cell] of this.#cells) {
      if (seen.has(id)) continue;
      cell.remove();
      this.#cells.delete(id);
    }
    this.#connect(seen);
  }

  #cell(clip) {
    const about = [clip.settings?.prompt, clip.settings?.label].filter(Boolean).join(", ");
    const from = clip.parent === null ? "a new scene" : `continues clip ${clip.parent}`;
    const cell = el(
      "button",
      { type: "button", class: "cell", "data-clip": clip.id, tabindex: "-1", "aria-label": `Clip ${clip.id}, ${from}${about ? `, ${about}` : ""}` },
      clip.picture ? el("img", { src: clip.picture, alt: "", draggable: "false" }) : el("span", { class: "blank" }, String(clip.id)),
      el("span", { class: "progress" }),
    );
    cell.addEventListener("click", (event) => this.#clicked(clip.id, event.shiftKey));
    this.canvas.append(cell);
    this.#cells.set(clip.id, cell);
    return cell;
  }

  #clicked(clip, shift) {
    if (shift && this.selected !== null) return this.select(this.selected, clip === this.selected ? null : clip);
    this.select(clip);
    return this.stream.show(clip, 0);
  }

  #mark(cell, clip) {
    const position = this.stream.position;
    const current = position?.clip === clip.id;
    cell.classList.toggle("current", current);
    cell.classList.toggle("scene", clip.parent === null);
    cell.setAttribute("aria-pressed", this.other === null ? clip.id === this.selected : this.span.includes(clip.id) || clip.id === this.other);
    cell.tabIndex = clip.id === this.current ? 0 : -1;
    if (current) cell.setAttribute("aria-current", "true");
    else cell.removeAttribute("aria-current");
    const part = current ? (position.index + 1) / this.stream.library.count : 0;
    cell.lastChild.style.transform = `scaleX(${part})`;
  }

  #connect(seen) {
    const paths = [...seen].flatMap((id) => {
      const clip = this.stream.tree.get(id);
      const to = this.#places.get(id), from = this.#places.get(clip.before);
      if (!from) return [];
      const [x0, y0, x1, y1] = [from.column * CELL + CELL - 6, from.lane * LANE + 28, to.column * CELL + 2, to.lane * LANE + 28];
      const path = document.createElementNS(SVG, "path");
      path.setAttribute("d", `M${x0 - 8} ${y0}C${x0 + 4} ${y0} ${x1 - 30} ${y1} ${x1} ${y1}`);
      path.setAttribute("class", clip.parent === null ? "scene" : "");
      return [path];
    });
    this.lines.replaceChildren(...paths);
  }

  #position() {
    const { position, tree } = this.stream;
    for (const [id, cell] of this.#cells) if (id === position?.clip || cell.classList.contains("current")) this.#mark(cell, tree.get(id) ?? { id });
    if (this.followed !== position?.clip) {
      this.followed = position?.clip;
      if (this.stream.playing && performance.now() - this.#touched > 3000) this.#reveal(position.clip);
      if (this.selected === null) this.#describe();
    }
  }

  #reveal(clip) {
    const place = this.#places.get(clip);
    if (!place) return;
    const { scrollLeft, clientWidth, scrollTop, clientHeight } = this.lanes;
    const x = place.column * CELL, y = place.lane * LANE;
    if (x < scrollLeft || x + 1.5 * CELL > scrollLeft + clientWidth) this.lanes.scrollLeft = x - clientWidth / 2;
    if (y < scrollTop || y + LANE > scrollTop + clientHeight) this.lanes.scrollTop = y - LANE / 2;
  }

  #keys(event) {
    const clip = Number(event.target.dataset.clip);
    if (!clip || event.shiftKey || event.ctrlKey || event.metaKey || event.altKey) return;
    const next = this.#neighbour(clip, event.key);
    if (next === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    if (next === null) return;
    this.#clicked(next, false);
    this.#reveal(next);
    this.#draw();
    this.#cells.get(next)?.focus();
    announce(`Clip ${next}`);
  }

  /** The clip that an arrow key leads to; null: none, undefined: it is another key. */
  #neighbour(clip, key) {
    const { tree } = this.stream;
    if (key === "ArrowLeft") return tree.get(clip).before;
    if (key === "ArrowRight") return tree.on(clip)[1] ?? null;
    const side = { ArrowUp: -1, ArrowDown: 1 }[key];
    if (!side) return undefined;
    const here = this.#places.get(clip);
    const distance = ({ lane, column }) => 1000 * side * (lane - here.lane) + Math.abs(column - here.column);
    const there = [...this.#places].filter(([, { lane }]) => side * (lane - here.lane) > 0);
    return there.sort(([, a], [, b]) => distance(a) - distance(b))[0]?.[0] ?? null;
  }
}
