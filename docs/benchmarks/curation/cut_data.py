"""Evidence of the joined videos and of single shots, recorded once and kept in a folder."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice, pairwise
from pathlib import Path

import av
import joined_clips
import numpy as np

from pvdm.curation.cuts.evidence import CutEvidence
from pvdm.curation.cuts.frame_evidence import FrameEvidence

SMALL = 90
SINGLE = ("UCF-101/A*/*.avi", "UCF-101/Ba*/*.avi", "captioned/clips/*.mp4", "curation/koala_*.mp4")


def recorded(path: Path, folder: Path) -> dict[str, np.ndarray]:
    """The arrays of a video, from `folder` if they are there."""
    kept = folder / f"{path.parent.name}_{path.stem}.npz"
    if not kept.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        recorder, seconds = CutEvidence(), []
        for number, (time, small) in enumerate(decoded(path)):
            recorder.frame(number, time, small)
            seconds.append(time)
        np.savez(kept, **recorder.arrays(), frame_seconds=np.array(seconds))
    with np.load(kept) as content:
        return dict(content)


def decoded(path: Path) -> Iterator[tuple[float, np.ndarray]]:
    """(seconds, picture) of each frame, with a short side of 90 pixels, BGR."""
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            scale = min(SMALL / min(frame.height, frame.width), 1)
            size = {"width": round(frame.width * scale), "height": round(frame.height * scale)}
            yield frame.time, frame.to_ndarray(**size, format="bgr24")


def single_shots(data: Path, half: int, patterns: tuple[str, ...] = SINGLE) -> list[Path]:
    """Files of one shot, of one half of the sources."""
    named = {source.path: source for clips in joined_clips.sources(data, half).values() for source in clips}
    paths = [path for pattern in patterns for path in sorted(data.glob(pattern))]
    return [path for path in paths if path in named and path.stem not in joined_clips.WITH_CUTS]


def alike(
    paths: list[Path], draw: np.random.Generator, *, frames: int = 30
) -> Iterator[tuple[FrameEvidence, list[dict]]]:
    """Clips of one group of UCF-101, joined by a cut or a dissolve: the same people and place from other sides."""
    for before, after in pairwise(path for path in paths if path.parents[1].name == "UCF-101"):
        if before.stem.rpartition("_c")[0] == after.stem.rpartition("_c")[0]:
            clips = [[small for _, small in islice(decoded(path), frames)] for path in (before, after)]
            length = int(draw.integers(4, 20)) if draw.random() < 0.5 else 0
            joint = {"kind": "dissolve" if length else "cut", "first": frames - length, "last": frames - 1}
            evidence = joined(*(np.stack(clip) for clip in clips), length)
            ends = np.array([joint["first"] - 1]), np.array([frames])
            if evidence.distance(*ends)[0] > 15 and evidence.correlation(*ends)[0] < 0.9:
                yield evidence, [joint | {"between": [before.stem, after.stem]}]


def joined(before: np.ndarray, after: np.ndarray, length: int) -> FrameEvidence:
    """The evidence of two clips that overlap by `length` frames."""
    recorder = CutEvidence()
    parts = before[: len(before) - length], after[length:]
    middle = joined_clips.transition({"kind": "dissolve"}, before[len(before) - length :], after[:length])
    for number, small in enumerate(np.concatenate((parts[0], middle, parts[1]))):
        recorder.frame(number, number / 25, small)
    arrays = recorder.arrays()
    return FrameEvidence({**arrays, "frame_seconds": np.arange(len(arrays["frame_content"])) / 25})


def lit(path: Path, draw: np.random.Generator, *, frames: int = 60) -> FrameEvidence:
    """A shot in which a flash, a light or the exposure changes what is seen, but no cut does."""
    recorder, kind = CutEvidence(), int(draw.integers(4))
    start, length = int(draw.integers(12, 35)), int(draw.choice([1, 1, 2, 3, 5, 8, 14]))
    gain, brighter, center, reach = draw.choice([1, 2, 4]), draw.random() < 0.7, draw.random(2), draw.choice([0.3, 3.0])
    for number, (_, small) in zip(range(frames), decoded(path), strict=False):
        part = strength(kind, number - start, length)
        place = np.stack(np.mgrid[: small.shape[0], : small.shape[1]], -1) / small.shape[:2] - center
        part = part * np.exp(-np.square(place).sum(-1) / reach)[..., None]
        changed = small + gain * part * (60 + 0.8 * small) if brighter else small * (1 - 0.6 * part)
        recorder.frame(number, number / 25, np.clip(changed, 0, 255).astype(np.uint8))
    arrays = recorder.arrays()
    return FrameEvidence({**arrays, "frame_seconds": np.arange(len(arrays["frame_content"])) / 25})


def strength(kind: int, since: int, length: int) -> float:
    """Of a light `since` frames after it began: a flash, one that decays, a lamp that stays, a slow exposure."""
    if since < 0:
        return 0.0
    if kind == 2:
        return 0.5
    if kind == 3:
        return 0.5 * min(since / (length + 4), 1.0)
    decay = max(0.0, 1 - (since - length + 1) / 6) if kind == 1 else 0.0
    return 1.0 if since < length else decay
