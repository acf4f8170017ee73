// The size of the picture on the stage: as large as fits, and of whole pixels while frames are small.

import { $ } from "./elements.js";

/** One frame's pixel is a square of whole screen pixels up to this size. */
export const SHARP = 128;

const MOST_OF_WINDOW = 0.62; // of its height, where the page scrolls

export function fitStage(canvas) {
  const screen = $("screen");
  const fit = () => {
    const style = getComputedStyle(screen);
    const width = screen.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
    const height = screen.clientHeight - parseFloat(style.paddingTop) - parseFloat(style.paddingBottom);
    const free = style.containerType === "size"; // else the picture makes the height
    const scale = Math.min(width / canvas.width, (free ? height : MOST_OF_WINDOW * innerHeight) / canvas.height);
    const ratio = devicePixelRatio;
    const whole = Math.max(canvas.width, canvas.height) <= SHARP ? Math.floor(scale * ratio) / ratio : scale;
    canvas.style.width = `${canvas.width * Math.max(whole, 0.1)}px`;
    canvas.style.height = `${canvas.height * Math.max(whole, 0.1)}px`;
  };
  new ResizeObserver(fit).observe(screen);
  return fit;
}
