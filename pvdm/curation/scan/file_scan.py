"""The pass over a file, in segments that any worker may take: what recorders see of its frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from pvdm.curation.ledger import Ledger
from pvdm.curation.scan.raw_files import ASSUMED_RATE, RawFile
from pvdm.video.decoding.scanning import scan_frames

VERSION = 1
SEGMENT_SECONDS = 300.0
BEFORE, AFTER = 4.0, 1.0
"""Seconds around a segment that recorders see, too, so that a border changes nothing."""
SAMPLE_SECONDS = 0.5


class Recorder(Protocol):
    """Takes notes of frames.

    An entry may depend on frames within `BEFORE` and `AFTER` alone. Keys of `arrays` begin with `frame_` or `sample_`
    and have an entry for each call along their first axis.
    """

    def frame(self, number: int, seconds: float, small: np.ndarray) -> None:
        """Each decoded frame, in order. small: (h, w, 3) uint8 BGR, upright, of a short side of 90 or less."""
        ...

    def sample(self, number: int, seconds: float, picture: np.ndarray, luma: np.ndarray) -> None:
        """Two frames a second, after `frame`. picture: (h, w, 3) uint8 RGB, upright, of a short side of 256 or less.

        luma: (H, W) uint8, as stored.
        """
        ...

    def arrays(self) -> dict[str, np.ndarray]:
        """What was noted."""
        ...


@dataclass(frozen=True)
class Segment:
    """The frames [first, last] of a file."""

    first: int
    last: int

    def key(self, file: RawFile) -> str:
        """Of its result in the ledger."""
        return f"scans/{file.digest[:2]}/{file.digest}/{self.first}-{self.last}"


def segments(file: RawFile) -> list[Segment]:
    """Spans of `SEGMENT_SECONDS` at the mean rate, which together are the file."""
    rate, frames = file.info.fps or ASSUMED_RATE, file.info.frames
    length = max(1, ceil(rate * SEGMENT_SECONDS))
    return [Segment(first, min(first + length, frames) - 1) for first in range(0, frames, length)]


def sampled(seconds: np.ndarray) -> np.ndarray:
    """The numbers of the first frames at or after 0, 0.5, 1, ... seconds, each once: increasing int64."""
    times = np.arange(0, seconds[-1] + 1e-9, SAMPLE_SECONDS)
    return np.unique(np.searchsorted(seconds, times - 1e-9))


def scan_segment(path: Path, file: RawFile, segment: Segment, recorders: Sequence[Recorder]) -> dict[str, np.ndarray]:
    """The notes of the recorders on a segment, with `frame_number` and `sample_number`.

    Frames that cannot be decoded are left out. InputError if the file cannot be read.
    """
    rate, seconds = file.info.fps or ASSUMED_RATE, file.seconds
    first = max(0, segment.first - ceil(BEFORE * rate))
    last = min(file.info.frames - 1, segment.last + ceil(AFTER * rate))
    samples = {number for number in sampled(seconds).tolist() if first <= number <= last}
    numbers: dict[str, list[int]] = {"frame": [], "sample": []}
    for frame in scan_frames(path, file.info, first, last, samples=samples):
        number, time = frame.number, float(seconds[frame.number])
        numbers["frame"].append(number)
        for recorder in recorders:
            recorder.frame(number, time, frame.small)
        if frame.picture is not None and frame.luma is not None:
            numbers["sample"].append(number)
            for recorder in recorders:
                recorder.sample(number, time, frame.picture, frame.luma)
    found = {name: array for recorder in recorders for name, array in recorder.arrays().items()}
    found |= {f"{kind}_number": np.array(values, np.int64) for kind, values in numbers.items()}
    own = {
        kind: (found[f"{kind}_number"] >= segment.first) & (found[f"{kind}_number"] <= segment.last) for kind in numbers
    }
    return {name: array[own[name.partition("_")[0]]] for name, array in found.items()}


def merged_scan(ledger: Ledger, settings: Mapping[str, Any], file: RawFile) -> dict[str, np.ndarray] | None:
    """The notes on a whole file, with the times of frames and samples; None unless all segments are there."""
    entries = [ledger.get(segment.key(file), settings) for segment in segments(file)]
    if not all(entries):
        return None
    names = entries[0].arrays
    arrays = {name: np.concatenate([entry.arrays[name] for entry in entries]) for name in names}
    return {**arrays, **{f"{kind}_seconds": file.seconds[arrays[f"{kind}_number"]] for kind in ("frame", "sample")}}
