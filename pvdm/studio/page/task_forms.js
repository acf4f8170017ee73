// What each tab asks for, what it needs of the model, and what is said where the model lacks it.

const video = (name, label = "Video", required = true) => ({ name, label, kind: "file", accept: "video/*,image/gif", required });
const picture = (name, label, required = true) => ({ name, label, kind: "file", accept: "image/*", required });
const number = (name, label, value, min, max, step = 1) => ({ name, label, kind: "number", value, min, max, step });
const prompt = { name: "prompt", label: "Prompt", kind: "text", takes: "text", placeholder: "optional" };
const label = { name: "label", label: "Class", kind: "classes", takes: "label" };
const seed = number("seed", "Seed", 0, 0, 2 ** 31);

const frames = { name: "frames", label: "Frames", kind: "number", value: (model) => model.frames, min: 1, max: 4096, step: 1 };
const format = { name: "format", label: "File", kind: "choice", values: ["mp4", "gif", "webm", "webp"] };

const takes = (what) => (model) => model.takes.includes(what);
const common = [prompt, label, seed, format];

export const TASKS = [
  {
    task: "image-to-video", title: "Image to video", text: "A picture begins to move; with a second picture, the video ends with it.",
    fields: [picture("first_frame", "First frame"), picture("last_frame", "Last frame", false), frames, ...common],
    offered: takes("hint"), missing: "This model takes no pictures. Train one with model.given_frames.",
  },
  {
    task: "interpolate", title: "Interpolate", text: "More frames per second: the frames between are made, the given ones are kept.",
    fields: [video("video"), number("factor", "Frames for each of the video", 2, 2, 64), ...common],
    offered: takes("hint"), missing: "This model takes no frames. Train one with model.given_frames.every.",
  },
  {
    task: "upscale", title: "Upscale", text: "A small video becomes as large as the model's own.",
    fields: [video("video", "Small video"), ...common],
    offered: takes("blurred"), missing: "This model was not trained on small videos. Train one with model.given_frames.blurred.",
  },
  {
    task: "repair", title: "Repair", text: "Missing or damaged frames are made anew from those around them.",
    fields: [video("video"), { name: "missing", label: "Missing frames", kind: "text", placeholder: "40-47 60; empty: damaged and repeated ones" }, ...common],
    offered: takes("hint"), missing: "This model takes no frames. Train one with model.given_frames.gap.",
  },
  {
    task: "recombine", title: "Recombine", text: "What one video shows moves as another one does; without one of them, that part is new.",
    fields: [video("content", "Content: who and where", false), video("motion", "Motion: how it moves", false), ...common],
    offered: (model) => model.recombines, missing: "This model knows content and motion only together. Train one with model.planes_apart.",
  },
  {
    task: "views", title: "Views", text: "The camera goes around what the picture shows, or around something new.",
    fields: [picture("first_frame", "Picture", false), number("from", "From, degrees", 0, -720, 720), number("to", "To, degrees", 360, -720, 720), frames, ...common],
    offered: takes("camera"), missing: "This model knows no camera. Train one with model.camera.",
  },
];
