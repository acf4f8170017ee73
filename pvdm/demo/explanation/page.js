// Pauses all videos by one button, and from the start for who wants less motion.
const button = document.getElementById("pause");
let paused = matchMedia("(prefers-reduced-motion: reduce)").matches;

function settle() {
  for (const video of document.querySelectorAll("video")) {
    if (paused) { video.autoplay = false; video.pause(); }
    else video.play().catch(() => { video.controls = true; });
  }
  button.textContent = paused ? "Play all videos" : "Pause all videos";
  button.setAttribute("aria-pressed", String(paused));
}

button.addEventListener("click", () => { paused = !paused; settle(); });
settle();
