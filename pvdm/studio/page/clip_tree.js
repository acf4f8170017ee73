// The clips of a stream as a tree: who continues whom, the way to a clip and on from it, and lanes to draw it in.

export class ClipTree {
  #clips = new Map(); // id -> clip; `before`: the clip that it follows, be it a continuation or a new scene
  #after = new Map(); // id -> ids of the clips that follow it, oldest first

  get size() {
    return this.#clips.size;
  }

  get newest() {
    return [...this.#clips.keys()].at(-1) ?? null;
  }

  get(id) {
    return this.#clips.get(id);
  }

  has(id) {
    return this.#clips.has(id);
  }

  all() {
    return [...this.#clips.values()];
  }

  /** shown: the clip that was on the screen before, which a new scene follows without continuing it. */
  add(clip, shown = null) {
    const before = [clip.parent, shown].find((id) => this.#clips.has(id)) ?? null;
    this.#clips.set(clip.id, { ...clip, before });
    this.#after.set(before, [...(this.#after.get(before) ?? []), clip.id]);
  }

  /** Deletes a clip and all that follow it; returns their ids. */
  delete(id) {
    const gone = [id, ...this.#below(id)]; // a loop in #below: thousands of clips are too deep for recursion
    const before = this.#clips.get(id)?.before ?? null;
    this.#after.set(before, (this.#after.get(before) ?? []).filter((other) => other !== id));
    for (const one of gone) {
      this.#clips.delete(one);
      this.#after.delete(one);
    }
    return gone;
  }

  /** Forgets all clips but these; those that followed a forgotten one are first ones now. */
  keepOnly(ids) {
    const kept = this.all().filter(({ id }) => ids.has(id));
    this.#clips.clear();
    this.#after.clear();
    for (const clip of kept) this.add(clip, clip.before);
  }

  /** From the first clip to this one. */
  back(id) {
    const way = [];
    for (let at = id; this.#clips.has(at); at = this.#clips.get(at).before) way.push(at);
    return way.reverse();
  }

  /** From this clip to the end of its newest branch. */
  on(id) {
    const way = [];
    for (let at = id; at !== undefined && this.#clips.has(at); at = this.#after.get(at)?.at(-1)) way.push(at);
    return way;
  }

  path(id) {
    return [...this.back(id), ...this.on(id).slice(1)];
  }

  /** The clips from one to the other, if one of them leads to the other. */
  span(one, other) {
    for (const [first, last] of [[one, other], [other, one]]) {
      const way = this.back(last);
      if (way.includes(first)) return way.slice(way.indexOf(first));
    }
    return null;
  }

  /** Map id -> {lane, column}: a clip stands after the one that it follows, in the same lane if that is free. */
  places() {
    const places = new Map();
    const ends = []; // the last column of each lane
    for (const clip of this.#clips.values()) {
      const place = places.get(clip.before) ?? { lane: 0, column: -1 };
      const column = place.column + 1;
      let lane = place.lane;
      while ((ends[lane] ?? -1) >= column) lane += 1;
      ends[lane] = column;
      places.set(clip.id, { lane, column });
    }
    return places;
  }

  #below(id) {
    const found = [...(this.#after.get(id) ?? [])];
    for (let i = 0; i < found.length; i++) found.push(...(this.#after.get(found[i]) ?? []));
    return found;
  }
}
