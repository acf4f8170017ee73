"""How a clip's frames change from one to the next: held pictures, steps between them, and a trembling camera."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

UNCHANGED = 2.0
"""No square of a frame changes by more than this many levels of gray, but by what codecs do to a still picture."""

HELD = 0.4
"""Seconds that a picture of a slideshow stays at least."""

TREMBLING = 2 / 3
"""Seconds: a smooth path is a parabola over this time; a hand trembles faster."""

SHORTEST = 1e-3
"""Seconds between frames; some files give several the same time."""

FEWEST = 8
"""Frames that a path needs."""


@dataclass(frozen=True)
class FrameChanges:
    """Of each pair of consecutive frames of a clip; arrays of n entries for n + 1 frames.

    Args:
        peak, part, shift: See `SignalRecorder`; shift: (n, 2).
        intervals: Seconds from one frame to the next.
    """

    peak: np.ndarray
    part: np.ndarray
    shift: np.ndarray
    intervals: np.ndarray

    @classmethod
    def of(cls, arrays: Mapping[str, np.ndarray], frames: slice) -> FrameChanges:
        """Those of the given frames; the change to their first one belongs to no pair."""
        peak, part, shift = (arrays[f"frame_{name}"][frames][1:] for name in ("peak", "part", "shift"))
        return cls(peak, part, shift, np.diff(arrays["frame_seconds"][frames]))

    @cached_property
    def moved(self) -> np.ndarray:
        """(n,) bool: whether anything has changed."""
        return self.peak > UNCHANGED

    @property
    def static(self) -> float:
        """The share of pairs without a change, 0 to 1; 1 for a single frame."""
        return float(1 - self.moved.mean()) if len(self.moved) else 1.0

    @property
    def frozen(self) -> float:
        """Seconds of the longest run without a change."""
        return float(max(self._still_seconds(), default=0.0))

    @property
    def held(self) -> float:
        """The share of time in runs of at least 0.4 s without a change."""
        still, total = np.array(self._still_seconds()), self.intervals.sum()
        return float(still[still >= HELD].sum() / total) if total > 0 else 0.0

    @property
    def steps(self) -> np.ndarray:
        """(k,): the largest `part` in each run of changes, which for a slideshow is one change of pictures."""
        return np.array([self.part[run].max() for run in _runs(self.moved)])

    @property
    def shake(self) -> float:
        """How far the camera is off its smooth path, root median square, in hundredths of the short side.

        Frames that repeat the one before are no part of the path: a rate converter puts them in.
        """
        path = np.cumsum(self.shift[self.moved], axis=0, dtype=np.float64)
        if len(path) < FEWEST:
            return 0.0
        interval = max(SHORTEST, float(np.median(self.intervals)))
        window = max(5, round(TREMBLING / interval) | 1)
        window = min(window, (len(path) - 1) | 1)
        offset = path - smoothed(path, window)
        return float(np.sqrt(np.median((offset**2).sum(1))))

    def _still_seconds(self) -> list[float]:
        return [float(self.intervals[run].sum()) for run in _runs(~self.moved)]


def smoothed(path: np.ndarray, window: int) -> np.ndarray:
    """(n, k) float64 -> the same: each point on the parabola through the `window` points around it (Savitzky and Golay,
    1964), of which there are at least 3, an odd number, and n at most; near the ends on that of the first or last ones.

    That of SciPy would take half a second and 70 MB in each process, to be imported.
    """
    half = window // 2
    powers = np.vander(np.arange(-half, half + 1), 3)
    fit = powers @ np.linalg.pinv(powers)  # (window, window): from the points to those of the parabola
    inner = np.lib.stride_tricks.sliding_window_view(path, window, axis=0) @ fit[half]
    return np.concatenate((fit[:half] @ path[:window], inner, fit[half + 1 :] @ path[-window:]))


def _runs(flags: np.ndarray) -> list[slice]:
    """Where (n,) flags are set without a gap."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    return [slice(*ends) for ends in edges.reshape(-1, 2)]
