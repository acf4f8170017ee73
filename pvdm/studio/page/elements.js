// Elements of the page, made without markup in strings, so that no text from outside is ever read as markup.

export const $ = (id) => document.getElementById(id);

/** el("button", { class: "ghost", onclick: f, "aria-label": "x" }, "text", child): null children are left out. */
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "value" || name === "muted") element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

const SVG = "http://www.w3.org/2000/svg";

export function icon(name) {
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#icon-${name}`);
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("aria-hidden", "true");
  svg.append(use);
  return svg;
}

export const button = (name, label, onclick, attributes = {}) =>
  el("button", { type: "button", class: "ghost", onclick, ...attributes }, icon(name), el("span", {}, label));

/** Says a sentence to screen readers. */
export function announce(text) {
  $("status").textContent = text;
}

/** Shows a sentence for some seconds; the same sentence is not shown twice. */
export function toast(text, seconds = 8) {
  const shown = [...$("toasts").children].find((one) => one.firstChild.textContent === text);
  if (shown) shown.remove();
  const box = el("p", { class: "toast" }, el("span", {}, text));
  box.append(el("button", { type: "button", "aria-label": "Dismiss", onclick: () => box.remove() }, icon("close")));
  $("toasts").append(box);
  setTimeout(() => box.remove(), seconds * 1000);
}

export const clock = (seconds) =>
  `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;

/** Calls that come within `ms` of each other count as the last one. */
export function debounce(ms, call) {
  let timer = 0;
  return (...values) => {
    clearTimeout(timer);
    timer = setTimeout(() => call(...values), ms);
  };
}
