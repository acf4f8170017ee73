// The wall of videos: it plays, is filtered and enlarged. One script with blind.js, see page.py.

const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const one = (id) => document.getElementById(id);
const clips = all(".clip");
const viewer = one("viewer"), judge = one("judge");

// ---- Files: videos lie in the page as base64; a browser plays them from memory, a few at a time.

const stored = new Map(clips.map((clip) => [clip, clip.querySelector("video").getAttribute("src")]));

function newAddress(clip) {
  const [head, body] = stored.get(clip).split(",", 2);
  const bytes = Uint8Array.from(atob(body), (letter) => letter.charCodeAt(0));
  return URL.createObjectURL(new Blob([bytes], { type: head.slice(5).split(";")[0] }));
}

function release(video) {
  const address = video.src;
  video.pause();
  video.removeAttribute("src");
  video.load();
  if (address.startsWith("blob:")) URL.revokeObjectURL(address);
}

function play(video) {
  video.play().catch((error) => {
    if (error.name !== "AbortError" && error.name !== "NotAllowedError") throw error;
  });
}

// ---- The wall: what is seen plays, the rest holds no player.

const MOST = 60; // players that a browser is asked for at once; Chromium refuses more than 75
let paused = matchMedia("(prefers-reduced-motion: reduce)").matches;
const seen = new Set();

function refresh(clip) {
  const video = clip.querySelector("video");
  if (!seen.has(clip)) {
    if (video.hasAttribute("src")) release(video);
  } else if (paused || viewer.open || judge.open) {
    video.pause();
  } else {
    if (!video.hasAttribute("src")) {
      if (clips.filter((other) => other.querySelector("video").hasAttribute("src")).length >= MOST) return;
      video.src = newAddress(clip);
    }
    play(video);
  }
}

const refreshAll = () => clips.forEach(refresh);

const observer = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (entry.isIntersecting) seen.add(entry.target);
    else seen.delete(entry.target);
  }
  for (const entry of entries) if (!entry.isIntersecting) refresh(entry.target);
  seen.forEach(refresh);
}, { rootMargin: "80px" });

function showPaused() {
  const button = one("pause");
  button.textContent = paused ? "Play all" : "Pause all";
  button.setAttribute("aria-pressed", String(paused));
}

// ---- Filters by kind and class.

const shownClips = () => clips.filter((clip) => !clip.hidden);

function filter() {
  const kinds = new Set(all(".chip[aria-pressed=true]").map((chip) => chip.dataset.kind));
  const wanted = one("class-filter").value;
  for (const clip of clips)
    clip.hidden = !kinds.has(clip.dataset.kind) || (wanted !== "" && clip.dataset.class !== wanted);
  for (const lane of all(".lane")) {
    const count = all(".clip:not([hidden])", lane).length;
    lane.hidden = count === 0;
    lane.querySelector(".count").textContent = count;
  }
  const count = shownClips().length;
  one("shown").textContent = count === clips.length ? `${count} videos` : `${count} of ${clips.length} videos`;
}

// ---- One video enlarged.

let current = null;

function enlarge(clip) {
  const video = viewer.querySelector("video");
  if (video.hasAttribute("src")) release(video);
  current = clip;
  video.src = newAddress(clip);
  const shown = shownClips(), group = clip.closest(".lane").dataset.group;
  one("viewer-title").textContent = group;
  one("viewer-text").textContent =
    `${clip.dataset.class}, number ${clip.dataset.index} (${shown.indexOf(clip) + 1} of ${shown.length})`;
  if (!viewer.open) {
    viewer.showModal();
    refreshAll();
  }
  play(video);
}

function step(by) {
  const shown = shownClips();
  enlarge(shown[(shown.indexOf(current) + by + shown.length) % shown.length]);
}

function viewerKey(event) {
  const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (by === undefined) return;
  event.preventDefault();
  event.stopPropagation();
  step(by);
}

function viewerClosed() {
  release(viewer.querySelector("video"));
  current.querySelector("button").focus();
  refreshAll();
}

function startWall() {
  for (const clip of clips) {
    clip.querySelector("video").removeAttribute("src");
    clip.querySelector("button").addEventListener("click", () => enlarge(clip));
    observer.observe(clip);
  }
  for (const chip of all(".chip")) chip.addEventListener("click", () => {
    chip.setAttribute("aria-pressed", String(chip.getAttribute("aria-pressed") !== "true"));
    filter();
  });
  one("class-filter").addEventListener("change", filter);
  one("pause").addEventListener("click", () => {
    paused = !paused;
    showPaused();
    refreshAll();
  });
  one("previous").addEventListener("click", () => step(-1));
  one("next").addEventListener("click", () => step(1));
  one("close-viewer").addEventListener("click", () => viewer.close());
  viewer.addEventListener("keydown", viewerKey, true);
  viewer.addEventListener("click", (event) => event.target === viewer && viewer.close());
  viewer.addEventListener("close", viewerClosed);
  showPaused();
}

if (clips.length) startWall();
