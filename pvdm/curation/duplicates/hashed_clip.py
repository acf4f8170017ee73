"""The hashes of a clip's frames, by which the search for duplicates compares clips."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

RATE = 8
"""Hashes a second: a copy that starts in between is at most 1/16 s off."""


@dataclass(frozen=True)
class HashedClip:
    """A clip as the search sees it.

    Args:
        id: The clip's id in its catalogue.
        hashes: (n,) uint64, see `clip_hashes`.
        height, width: Of the displayed picture.
        seconds: The clip's length.
    """

    id: str
    hashes: np.ndarray = field(repr=False)
    height: int
    width: int
    seconds: float


def clip_hashes(arrays: Mapping[str, np.ndarray], first: int, last: int) -> np.ndarray:
    """(n,) uint64: the picture hashes of the frames nearest to 0, 1/8, 2/8 ... s of the clip; none without frames.

    Args:
        arrays: `frame_number`, `frame_seconds` and `frame_hash` of `SignalRecorder`.
        first, last: The clip's frames, inclusive.
    """
    frames = slice(*np.searchsorted(arrays["frame_number"], [first, last + 1]))
    seconds = arrays["frame_seconds"][frames]
    if not len(seconds):
        return np.empty(0, np.uint64)
    seconds = seconds - seconds[0]
    ticks = np.arange(int(seconds[-1] * RATE) + 1) / RATE
    nearest = np.searchsorted((seconds[1:] + seconds[:-1]) / 2, ticks)
    return arrays["frame_hash"][frames][nearest]
