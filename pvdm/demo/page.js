"use strict";
// Loads newer parts of the page while the demo runs, without touching the parts, and the videos, that are unchanged.
const EVERY = 3000;
const still = matchMedia("(prefers-reduced-motion: reduce)");
let paused = still.matches;

const videos = () => document.querySelectorAll("video");
const isSeen = new WeakMap();
const seen = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) { isSeen.set(target, isIntersecting); settle(target); }
}, { rootMargin: "200px" });

function settle(video) { // hidden videos would take time from the training
  if (paused || isSeen.get(video) === false) { video.autoplay = false; video.pause(); }
  else video.play().catch(() => { video.controls = true; });
}

function watch() {
  for (const video of videos()) if (!isSeen.has(video)) { isSeen.set(video, undefined); seen.observe(video); }
  const button = document.querySelector(".pause");
  if (button) {
    button.textContent = paused ? "Play all videos" : "Pause all videos";
    button.onclick = () => { paused = !paused; videos().forEach(settle); watch(); };
  }
}

function clock() {
  for (const step of document.querySelectorAll("[data-since]")) {
    const seconds = Math.max(0, Math.round(Date.now() / 1000 - Number(step.dataset.since)));
    step.querySelector(".elapsed").textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  }
}

function heads() { // where each long video is on its track
  for (const figure of document.querySelectorAll(".long")) {
    const video = figure.querySelector("video");
    if (video.duration) figure.querySelector(".head").style.left = `${100 * video.currentTime / video.duration}%`;
  }
  requestAnimationFrame(heads);
}

function pvdmUpdate(update) { // called by update.js
  document.title = update.title;
  for (const [name, { stamp, html }] of Object.entries(update.parts)) {
    const part = document.querySelector(`[data-part="${name}"]`);
    if (part.dataset.stamp === stamp) continue;
    part.dataset.stamp = stamp;
    part.innerHTML = html;
  }
  watch();
  clock();
}

function poll() { // a script, because a page from a file may not fetch
  if (!document.querySelector("[data-since]")) return;
  const script = document.createElement("script");
  script.src = `update.js?${Date.now()}`;
  script.onload = script.onerror = () => { script.remove(); setTimeout(poll, EVERY); };
  document.body.append(script);
}

watch();
clock();
setInterval(clock, 1000);
setTimeout(poll, EVERY);
requestAnimationFrame(heads);
