// The stream: what the viewer does, what the server is told, and which clip is on the screen.

import { ClipTree } from "./clip_tree.js";
import { FrameLibrary } from "./frame_library.js";

const ACKNOWLEDGE = 150; // milliseconds between messages that say what was shown
const BRANCH_FROM = 0.75; // of a clip: where a branch begins to play
const SETTLED = 2000; // milliseconds after which the server plays, if it was told to
const LIVE = true;
const PICTURES = ["first_picture", "last_picture", "anchor"]; // of one stream of the server's

export class Stream extends EventTarget {
  tree = new ClipTree();
  settings = {};
  model = null;
  looping = null; // ids of the clips that are played again and again
  library = null;
  #made = new Map(); // clips that have come but were not shown yet
  #parts = new Map(); // id -> {base: stream index of the clip's first frame, queue: whether it is to be played}
  #upcoming = []; // {clip, live}: what is played after what the player has
  #live = new Set(); // clips of this epoch that are queued
  #lastLive = null; // the last frame of the server's that was shown: {clip, frame}
  #head = null; // the clip that the server continues; null: it begins a scene
  #version = 0;
  #change = null; // when the last change was made, until its first frame is shown
  #told = 0;
  #scrubs = 0;
  #started = 0;

  constructor(connection, player) {
    super();
    this.connection = connection;
    this.player = player;
    const on = (type, call) => connection.addEventListener(type, ({ detail }) => call(detail));
    on("welcome", (message) => this.#welcome(message));
    on("timeline", ({ clips }) => this.#timeline(clips));
    on("clip", (clip) => this.#clip(clip));
    on("frame", (frame) => this.#frame(frame));
    on("settings", ({ settings }) => this.#settled(settings));
    on("status", (status) => this.#status(status));
    player.addEventListener("frame", ({ detail }) => this.#shown(detail));
  }

  get position() {
    return this.player.position;
  }

  /** Whether a change was made that no frame on the screen shows yet. */
  get pending() {
    return this.#change !== null;
  }

  get playing() {
    return this.player.playing;
  }

  get buffered() {
    return this.player.buffered + this.#upcoming.reduce((sum, { clip }) => sum + this.library.length(clip), 0);
  }

  /** Plays on from the frame on the screen: first what is recorded, then what is made. */
  play() {
    this.looping = null;
    const at = this.position;
    if (at) {
      const way = this.tree.on(at.clip);
      this.#queue(way, at.index + 1);
      if (this.library.has(at.clip) || way.length > 1) this.#seek(way.at(-1)); // else the server sends the rest of it
    }
    this.#start();
  }

  /** Stops at once, whatever the server does. */
  pause() {
    this.player.pause();
    this.looping = null;
    this.#upcoming = [];
    this.#made.clear();
    this.#cut({ type: "pause" });
    this.#tell("state");
  }

  toggle() {
    if (this.playing) this.pause();
    else this.play();
  }

  /** New settings act at the next clip: what was made with the old ones is dropped. */
  change(settings) {
    Object.assign(this.settings, settings);
    this.#version += 1;
    this.#change = { version: this.#version, time: performance.now() };
    this.connection.send({ type: "set", settings, version: this.#version });
    if (this.playing && !this.looping) this.#remake();
    this.#tell("settings");
  }

  newScene() {
    if (this.looping) this.pause();
    this.#head = null;
    this.#remake();
    this.#start();
  }

  /** Continues a clip anew, after its last frames. */
  branch(clip) {
    this.looping = null;
    this.#queue([clip], Math.floor(BRANCH_FROM * this.library.count));
    this.#seek(clip);
    this.#start();
  }

  async loop(clips) {
    this.pause();
    for (const clip of clips) if (!this.library.has(clip)) await this.library.pictures(clip);
    this.looping = clips;
    this.player.play();
    this.#feed();
    this.#tell("state");
  }

  /** Scrubs to a frame of a clip. */
  async show(clip, index) {
    if (this.playing) this.pause();
    const scrub = ++this.#scrubs;
    try {
      const pictures = await this.library.pictures(clip);
      if (scrub === this.#scrubs && !this.playing) this.player.show(pictures[Math.min(index, pictures.length - 1)], clip, index);
    } catch (error) {
      this.#tell("trouble", error.message);
    }
  }

  /** Deletes a clip and all that follow it. */
  async delete(clip) {
    const { before } = this.tree.get(clip);
    const gone = this.tree.delete(clip);
    const seen = gone.includes(this.position?.clip);
    if (seen || this.looping) this.pause();
    gone.forEach((id) => this.library.delete(id));
    if (gone.includes(this.#head)) this.#head = before;
    this.#cut({ type: "delete", clip });
    if (this.playing) this.#remake();
    this.#tell("tree");
    if (seen && before !== null) await this.show(before, this.library.count - 1);
    else if (seen) this.player.position = null;
  }

  /** Plays, and asks for more; what was changed before counts from now. */
  #start() {
    if (this.#change || !this.position) this.#change = { version: this.#version, time: performance.now() };
    this.#started = performance.now();
    this.player.play();
    this.connection.send({ type: "play" });
    this.#feed();
    this.#tell("state");
  }

  #queue(clips, from) {
    const recorded = clips.map((clip, i) => ({ clip, from: i ? 0 : from })).filter(({ clip }) => this.library.has(clip));
    this.player.clear();
    this.#upcoming = recorded;
  }

  #feed() {
    while (this.player.clipsAhead < 2) {
      if (!this.#upcoming.length && this.looping) this.#upcoming = this.looping.map((clip) => ({ clip }));
      const next = this.#upcoming.shift();
      if (!next) return;
      this.player.append(next.clip, next);
    }
  }

  /** Ends what the server is doing; it throws away what was not shown. */
  #cut(message) {
    this.#live.clear();
    this.connection.cut(this.#lastLive ? { ...message, frame: this.#lastLive.frame } : message);
  }

  #seek(clip) {
    this.#head = clip;
    this.#cut(clip === null ? { type: "new_scene" } : { type: "seek", clip });
  }

  /** Drops what was made ahead, so that the clip after the one on the screen is made as things are now. */
  #remake() {
    this.player.dropLive();
    this.#upcoming = this.#upcoming.filter(({ live }) => !live);
    this.#made.clear();
    this.#seek(this.#head);
  }

  #welcome({ stream, model, settings }) {
    const again = this.stream === stream;
    const playing = this.playing && !this.looping;
    const chosen = this.model ? { ...this.settings } : {};
    if (!again) {
      this.#forget(model);
      for (const name of PICTURES) delete chosen[name];
    }
    Object.assign(this, { stream, model, settings: { ...settings, ...chosen } });
    if (Object.keys(chosen).length) this.connection.send({ type: "set", settings: chosen, version: ++this.#version });
    this.#live.clear();
    this.#lastLive = null; // the server counts frames anew
    this.#tell("welcome");
    if (playing) this.play();
  }

  #forget(model) {
    if (this.tree.size) this.#tell("trouble", "The server has begun anew: the earlier timeline is gone.");
    this.player.clear();
    this.player.position = null;
    this.player.size(model.width, model.height, model.fps);
    this.library = this.player.library = new FrameLibrary(model.frames, (clip) => this.#cut({ type: "show", clip }));
    this.tree = new ClipTree();
    this.#made.clear();
    this.#parts.clear();
    this.#upcoming = [];
    this.#lastLive = this.#head = null;
    this.#tell("tree");
  }

  /** The server's own list, which lacks clips that it has forgotten. */
  #timeline(clips) {
    this.tree.keepOnly(new Set(clips.map(({ id }) => id)));
    for (const clip of clips) if (!this.tree.has(clip.id) && !this.#made.has(clip.id)) this.tree.add(clip, this.tree.newest);
    this.#tell("tree");
  }

  #clip(clip) {
    const queue = clip.part === "new" || (clip.part === "rest" && !this.library.has(clip.id));
    this.#parts.set(clip.id, { base: clip.frame - (clip.offset ?? 0), queue });
    if (!this.tree.has(clip.id)) this.#made.set(clip.id, clip);
    else if (!this.tree.get(clip.id).picture) this.#pictured(clip);
  }

  /** A clip of before a reload gets its thumbnail. */
  #pictured({ id, picture }) {
    this.tree.get(id).picture = picture;
    this.#tell("tree");
  }

  #frame(frame) {
    const part = this.#parts.get(frame.clip);
    if (!part || !(frame.current || frame.clip === this.position?.clip)) return;
    this.library.add(frame.clip, frame.frame - part.base, frame);
    if (!frame.current || !this.playing || this.looping) return;
    if (part.queue && !this.#live.has(frame.clip)) {
      this.#live.add(frame.clip);
      const from = frame.clip === this.position?.clip ? this.position.index + 1 : 0;
      this.#upcoming.push({ clip: frame.clip, live: LIVE, from });
    }
    this.#feed();
    this.player.fill();
  }

  /** The server took pictures back that count for one clip. */
  #settled(settings) {
    for (const name of PICTURES) this.settings[name] = settings[name];
    this.#tell("settings");
  }

  /** A server that has stopped by itself stops the page too, once all is shown. */
  #status({ state }) {
    const settled = performance.now() - this.#started > SETTLED;
    if (state === "paused" && settled && this.playing && !this.looping && !this.buffered) this.pause();
  }

  #shown({ clip, index, live }) {
    if (this.#made.has(clip)) this.#firstShown(this.#made.get(clip));
    this.shownBefore = clip;
    if (live) this.#acknowledge(clip, this.#parts.get(clip).base + index);
    if (this.playing) this.#feed();
    this.#tell("position");
  }

  #firstShown(clip) {
    this.#made.delete(clip.id);
    this.tree.add(clip, this.shownBefore);
    if (this.#change && clip.version >= this.#change.version) {
      this.latency = performance.now() - this.#change.time;
      this.#change = null;
      this.#tell("arrived", clip);
    }
    this.#tell("tree");
  }

  #acknowledge(clip, frame) {
    this.#lastLive = { clip, frame };
    this.#head = clip;
    if (performance.now() - this.#told < ACKNOWLEDGE) return;
    this.#told = performance.now();
    this.connection.send({ type: "shown", frame });
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
