"""Makes videos with known joints out of clips of different sources: cuts, dissolves, and fades through black or white.

Sources are split into two halves by the digest of their names, so that thresholds are chosen on one and reported on the
other. A source is what may look alike: a group of UCF-101, a whole set with one background, else a file.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from fractions import Fraction
from hashlib import sha256
from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np

SETS = {
    "ucf": ("UCF-101", "*/*.avi", 0.42),
    "captioned": ("captioned/clips", "*.mp4", 0.27),
    "sky": ("sky_timelapse", "*/*/*/", 0.08),
    "weizmann": ("weizmann", "*/*.mp4", 0.05),
    "koala": ("curation", "koala_*.mp4", 0.08),
    "asl": ("signs/asl", "*.mkv", 0.03),
    "isl": ("signs/isl", "*.mp4", 0.03),
    "wild": ("wild", "[bf]*_*.mkv", 0.04),
}
"""Folder, pattern and share of each set of DATA."""

WITH_CUTS = (
    "6AXZJTgpusY.3",
    "DiBm_b-eV8Q.0",
    "6fHASeSrH8w.43",
    "ejFT0e4YP0s.15",
    "AvVDsFBc6bA.0",
    "2jKXlH_ceCo.11",
    "mYvSJp7_aYQ.53",
    "mPRA4vBnxx0.12",
    "koala_J3JqVnOGfYA_3",
)
"""Clips with cuts of their own, seen by eye, and a screen recording with zooms: what is found inside is not counted."""

ONE_SCENE = ("weizmann", "asl", "isl")
KINDS = ("cut", "dissolve", "fade")
SIZES = ((240, 320), (180, 320))
CLIPS = 13
"""Clips in a video; it has one joint less."""

SPARE = 20
"""Frames by which the start of a clip is moved at random."""


@dataclass(frozen=True)
class Source:
    """A clip: its set, what it must not be joined to (see `scene`), and its file or folder of frames."""

    name: str
    path: Path

    @property
    def scene(self) -> str:
        if self.name in ONE_SCENE:
            return self.name
        return self.path.stem.rpartition("_c")[0] if self.name == "ucf" else self.path.stem.rpartition("_")[0]

    @property
    def half(self) -> int:
        key = self.path.stem if self.name in ONE_SCENE else self.scene or self.path.stem
        return sha256(key.encode()).digest()[0] % 2


def sources(data: Path, half: int) -> dict[str, list[Source]]:
    """The clips of one half, by set."""
    found = {
        name: [Source(name, path) for path in sorted((data / folder).glob(pattern))]
        for name, (folder, pattern, _) in SETS.items()
    }
    return {name: kept for name, all_ in found.items() if (kept := [each for each in all_ if each.half == half])}


def frames_of(path: Path, size: tuple[int, int], most: int) -> np.ndarray:
    """The first frames of a clip, `most` at most, scaled to cover `size` and cropped: (t, h, w, 3) uint8 RGB."""
    if path.is_dir():
        files = sorted(path.glob("*.jpg"))[:most]
        return np.stack([_cover(cv2.imread(str(file))[..., ::-1], size) for file in files])
    with av.open(str(path)) as container:
        frames = islice(container.decode(video=0), most)
        return np.stack([_cover(frame.to_ndarray(format="rgb24"), size) for frame in frames])


def _cover(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    scale = max(size[0] / picture.shape[0], size[1] / picture.shape[1])
    height, width = (max(round(scale * n), limit) for n, limit in zip(picture.shape, size, strict=False))
    scaled = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    top, left = (height - size[0]) // 2, (width - size[1]) // 2
    return scaled[top : top + size[0], left : left + size[1]]


def drawn_joint(kind: str, draw: np.random.Generator) -> dict:
    """The lengths of a joint: frames of a dissolve (4 to 24); frames out, blank and in, and the color, of a fade."""
    if kind == "dissolve":
        return {"kind": kind, "length": int(draw.integers(4, 25))}
    if kind == "fade":
        out, into = (int(draw.integers(3, 16)) for _ in range(2))
        blank = int(draw.choice([0, 1, 2, 5, 12]))
        return {"kind": kind, "out": out, "blank": blank, "in": into, "color": int(draw.choice([0, 255]))}
    return {"kind": kind}


def spans(joint: dict) -> tuple[int, int]:
    """Frames that a joint takes of the clip before and of the clip after."""
    if joint["kind"] == "dissolve":
        return joint["length"], joint["length"]
    return (joint["out"], joint["in"]) if joint["kind"] == "fade" else (0, 0)


def transition(joint: dict, tail: np.ndarray, head: np.ndarray) -> np.ndarray:
    """The frames of a joint; they are neither those of the clip before nor those of the clip after."""
    if joint["kind"] == "cut":
        return tail[:0]
    if joint["kind"] == "dissolve":
        return _blend(tail, head, np.arange(1, len(tail) + 1) / (len(tail) + 1))
    color = np.full_like(tail[:1], joint["color"])
    out = _blend(tail, color, np.arange(1, len(tail) + 1) / (len(tail) + (1 if joint["blank"] else 0.5)))
    into = _blend(color, head, (np.arange(len(head)) + (1 if joint["blank"] else 0.5)) / (len(head) + 1))
    return np.concatenate((out, np.repeat(color, joint["blank"], axis=0), into))


def _blend(a: np.ndarray, b: np.ndarray, weights: np.ndarray) -> np.ndarray:
    weights = weights.astype(np.float32)[:, None, None, None]
    return (a * (1 - weights) + b * weights + 0.5).astype(np.uint8)


def make(path: Path, clips: dict[str, list[Source]], draw: np.random.Generator) -> list[dict]:
    """Writes one video and returns its joints: kind, `first`, `last` as in `Transition`, and the sources' names."""
    size, kinds = SIZES[draw.integers(len(SIZES))], draw.permutation(np.tile(KINDS, CLIPS // len(KINDS)))
    joints, parts, at, before, tail = [], [], 0, None, None
    for number in range(CLIPS):
        joint = drawn_joint(str(kinds[number]), draw) if number < len(kinds) else {"kind": "cut"}
        body, lead = int(draw.integers(20, 81)), spans(joints[-1])[1] if joints else 0
        source, frames = _drawn(clips, draw, size, lead + body + spans(joint)[0], before)
        if joints:
            middle = transition(joints[-1], tail, frames[:lead])
            joints[-1] |= {"first": at, "last": at + len(middle) - 1, "between": [before.path.stem, source.path.stem]}
            parts.append(middle)
            at += len(middle)
        end = len(frames) - spans(joint)[0]
        parts.append(frames[lead:end])
        tail, before, at = frames[end:], source, at + end - lead
        joints.append(joint)
    encode(path, parts, size, crf=int(draw.choice([20, 24, 28, 32])))
    return joints[:-1]


def _drawn(
    clips: dict[str, list[Source]], draw: np.random.Generator, size: tuple[int, int], length: int, before: Source | None
) -> tuple[Source, np.ndarray]:
    """A clip of `length` frames from another scene than the one before; a shorter one is played back and forth."""
    names = list(clips)
    weights = np.array([SETS[name][2] for name in names])
    while True:
        pool = clips[names[draw.choice(len(names), p=weights / weights.sum())]]
        source = pool[draw.integers(len(pool))]
        if before is None or source.scene != before.scene:
            frames = frames_of(source.path, size, length + SPARE)
            start = int(draw.integers(max(len(frames) - length, 0) + 1))
            order = np.concatenate((np.arange(len(frames)), np.arange(len(frames) - 2, 0, -1)))
            return source, frames[order[(start + np.arange(length)) % len(order)]]


def ignored(joints: list[dict], frames: int) -> np.ndarray:
    """Frames inside clips with cuts of their own: (frames,) bool."""
    mask = np.zeros(frames, bool)
    starts = [0, *(joint["first"] for joint in joints)]
    ends = [*(max(joint["first"], joint["last"] + 1) for joint in joints), frames]
    names = [joints[0]["between"][0], *(joint["between"][1] for joint in joints)]
    for start, end, name in zip(starts, ends, names, strict=True):
        mask[start + 1 : end] |= name in WITH_CUTS
    return mask


def encode(path: Path, parts: list[np.ndarray], size: tuple[int, int], *, crf: int) -> None:
    """Writes the parts as one video at 25 fps, H.264."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(25), options={"crf": str(crf), "preset": "superfast"})
        (stream.height, stream.width), stream.pix_fmt = size, "yuv420p"
        stream.thread_count = 1
        for part in parts:
            for frame in part:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")))
        container.mux(stream.encode(None))


def make_all(data: Path, folder: Path, *, half: int, videos: int, seed: int) -> dict[str, list[dict]]:
    """Makes `videos` joined videos of one half in `folder` unless they are there; file -> joints."""
    table = folder / "joints.json"
    if not table.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        clips = sources(data, half)
        made = {}
        for number in range(videos):
            name = f"{number:03}.mp4"
            made[name] = make(folder / name, clips, np.random.default_rng((seed, half, number)))
        table.write_text(json.dumps(made, indent=1))
    return json.loads(table.read_text())
