// Jobs of the server: post one, watch its progress, fetch its files.

const EVERY = 400; // milliseconds between looks at a job

/** Answers of the server as JSON; its sentence as an error. */
export async function request(path, options = {}) {
  let answer;
  try {
    answer = await fetch(new URL(path, document.baseURI), { credentials: "same-origin", ...options });
  } catch {
    throw new Error("The server does not answer: look whether pvdm studio still runs.");
  }
  const text = await answer.text();
  let value = {};
  try {
    value = text ? JSON.parse(text) : {};
  } catch {
    value = { error: text.slice(0, 200) };
  }
  if (!answer.ok) throw new Error(value.error ?? `The server refused this (${answer.status}).`);
  return value;
}

export class Job {
  #stopped = false;

  constructor(task, settings, files = {}) {
    this.form = new FormData();
    this.form.set("job", JSON.stringify({ task, settings }));
    for (const [name, file] of Object.entries(files)) this.form.set(name, file, file.name);
  }

  /** Runs until its end; watch({state, progress, place, seconds}) is called on the way. */
  async run(watch) {
    const { id, place } = await request("api/jobs", { method: "POST", body: this.form });
    this.id = id;
    watch({ state: "waiting", progress: 0, place });
    for (;;) {
      await new Promise((done) => setTimeout(done, EVERY));
      const job = await request(`api/jobs/${id}`);
      watch(job);
      if (job.state === "failed") throw new Error(job.error ?? "The job failed.");
      if (job.state === "cancelled" || this.#stopped) throw new Error("Cancelled.");
      if (job.state === "done") return job.files.map((name) => this.address(name));
    }
  }

  address(name) {
    return new URL(`api/jobs/${this.id}/files/${encodeURIComponent(name)}`, document.baseURI).href;
  }

  cancel() {
    this.#stopped = true;
    if (this.id) request(`api/jobs/${this.id}`, { method: "DELETE" }).catch(() => {});
  }
}
