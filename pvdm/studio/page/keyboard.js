// Keys of the whole page; what has the focus comes first.

import { $ } from "./elements.js";

const TYPING = "input:not([type=range]):not([type=radio]):not([type=checkbox]), textarea, select";
const OWN_SPACE = `${TYPING}, button, summary, a, [type=radio], [type=checkbox]`;
const OWN_ARROWS = `${TYPING}, [type=range], [type=radio], [role=tab]`;

/** keys: {"n": act, ...}; "Shift+ArrowLeft" and the like. */
export function listen(keys) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    const arrow = event.key.startsWith("Arrow");
    const own = event.key === " " ? OWN_SPACE : arrow ? OWN_ARROWS : TYPING;
    if (event.target.matches(own)) return;
    const act = keys[arrow && event.shiftKey ? `Shift+${event.key}` : event.key.toLowerCase()] ?? keys[event.key];
    if (!act || $("panel-stream").hidden) return;
    event.preventDefault();
    if (!event.repeat || arrow) act();
  });
  document.addEventListener("click", (event) => { // so that Space after a click plays, and does not click again
    const clicked = event.target.closest?.("button");
    if (event.detail > 0 && clicked?.closest(".stage, .timeline-head")) clicked.blur();
  });
}
