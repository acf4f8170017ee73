"""Whether `pvdm curate --against` finds test clips that leaked into a heap of training videos, and nothing else.

    python measure_leaks.py DATA/UCF-101 WORK LEAKS.json

The heap has all training videos, and copies of the test videos: encoded at crf 35, half the size, mirrored, without 1 s
at either end, all of it at once, and joined into a file between two training videos. Each test video is copied in one
way, the next in the next.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from pvdm.data import find_splits
from pvdm.data.catalogue.clip_table import read_clips
from pvdm.video import probe, read_frames

KINDS = ("crf35", "half", "mirrored", "trimmed", "all", "joined")
STEPS = "cuts,duplicates"


def frames_of(path: Path) -> np.ndarray:
    """(t, h, w, 3) uint8 RGB."""
    info = probe(path)
    return np.stack(list(read_frames(path, range(info.frames), info=info)))


def copied(frames: np.ndarray, kind: str, neighbors: list[Path]) -> np.ndarray:
    """The frames of a copy."""
    if kind in ("trimmed", "all"):
        frames = frames[25:-25] if len(frames) > 90 else frames[12:]
    if kind in ("half", "all"):
        frames = np.stack([cv2.resize(frame, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA) for frame in frames])
    if kind in ("mirrored", "all"):
        frames = frames[:, :, ::-1]
    if kind == "joined":
        frames = np.concatenate([frames_of(neighbors[0])[:50], frames, frames_of(neighbors[1])[:50]])
    return frames


def write(path: Path, frames: np.ndarray, fps: float, crf: int) -> None:
    rate = Fraction(fps).limit_denominator(1001)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate, options={"crf": str(crf), "preset": "ultrafast"})
        stream.height, stream.width, stream.pix_fmt = *frames.shape[1:3], "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")))
        container.mux(stream.encode(None))


def make(training: list[Path], test: list[Path], work: Path) -> None:
    """The folders WORK/test and WORK/heap."""
    for name, paths in (("test", test), ("heap", training)):
        (work / name).mkdir(parents=True)
        for path in paths:
            (work / name / path.name).symlink_to(path.resolve())
    for number, path in enumerate(test):
        kind = KINDS[number % len(KINDS)]
        neighbors = [training[(2 * number + i) % len(training)] for i in range(2)]
        copy = copied(frames_of(path), kind, neighbors)
        crf = 35 if kind in ("crf35", "all") else 23
        write(work / "heap" / f"leak_{path.stem}__{kind}.mp4", copy, probe(path).fps or 25, crf)


def curate(work: Path, name: str, *options: str) -> list[dict]:
    """The rows of a catalogue."""
    command = [sys.executable, "-m", "pvdm", "curate", str(work / name), "--output", str(work / f"{name}_catalogue")]
    subprocess.run([*command, "--steps", STEPS, *options], check=True)
    return read_clips(work / f"{name}_catalogue").table.to_pylist()


def figures(test: list[dict], heap: list[dict]) -> dict[str, object]:
    """Of the rows of both catalogues; a leak is found if a clip of it names a test video of the same recording."""
    files = {f"test_catalogue/{row['id']}": Path(row["file"]).stem for row in test}
    leaks = sorted({row["file"] for row in heap if row["file"].startswith("leak_")})
    named, false = set(), []
    for row in heap:
        if (row["duplicate_of"] or "").startswith("test_catalogue/"):
            found = files[row["duplicate_of"]]
            if recording(row["file"]) == recording(found):
                named.add(row["file"])
            else:
                false.append([row["file"], row["first_frame"], row["last_frame"], found])
    total = Counter(kind_of(file) for file in leaks)
    right = Counter(kind_of(file) for file in named)
    return {
        "found": {kind: f"{right[kind]} of {total[kind]}" for kind in KINDS},
        "missed": [file for file in leaks if file not in named],
        "clips of the heap": len(heap),
        "false": false,
    }


def kind_of(file: str) -> str:
    return Path(file).stem.rpartition("__")[2]


def recording(file: str) -> str:
    """What is the same of v_Class_g01_c01.avi, v_Class_g01_c02.avi and copies of them."""
    return Path(file).stem.removeprefix("leak_").partition("__")[0].rpartition("_c")[0]


def main() -> None:
    data, work, output = map(Path, sys.argv[1:4])
    splits = find_splits(data, "ucf101")
    if not (work / "heap").exists():
        make([entry.path for entry in splits.training], [entry.path for entry in splits.validation], work)
    test = curate(work, "test")
    heap = curate(work, "heap", "--against", str(work / "test_catalogue"))
    output.write_text(json.dumps(figures(test, heap), indent=1) + "\n")


if __name__ == "__main__":
    main()
