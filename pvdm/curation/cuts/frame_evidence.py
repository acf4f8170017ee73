"""Measures of frames and pairs of frames, from the arrays of `CutEvidence`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pvdm.curation.cuts.evidence import LUMA

BLOCK = 1 << 14
"""Pairs of pictures that are compared at once, so that memory does not grow with the length of the video."""

CELLS = LUMA[0] * LUMA[1]

BLACK = 24
"""Luma up to which a cell is black."""

NOISE = 4.0
"""Variance of luma cells that counts as alike in a correlation."""

NOMINAL = 25.0
"""Frames per second to which numbers of frames refer; they grow with the rate of faster videos."""


@dataclass(frozen=True)
class FrameEvidence:
    """The arrays of `CutEvidence` over a whole video."""

    arrays: Mapping[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.picture)

    def __getattr__(self, name: str) -> np.ndarray:
        try:
            return self.arrays[f"frame_{name}"]
        except KeyError:
            raise AttributeError(name) from None

    @cached_property
    def pace(self) -> int:
        """Frames that stand for one of a video at `NOMINAL` fps: 2 at 50 or 60 fps."""
        return max(round(self.second / NOMINAL), 1)

    @cached_property
    def second(self) -> int:
        """Frames in a second, 2 at least; `NOMINAL` if the times do not tell."""
        times = self.arrays.get("frame_seconds", np.zeros(0))
        interval = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
        return max(round(1 / interval), 2) if interval > 0 else round(NOMINAL)

    @cached_property
    def step(self) -> np.ndarray:
        """Distance of each frame to the one before; 0 for the first."""
        frames = np.arange(len(self))
        return self.distance(frames, np.maximum(frames - 1, 0))

    @cached_property
    def brightness(self) -> np.ndarray:
        """Mean luma of each frame."""
        return self.picture[:, :CELLS].mean(1)

    def distance(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Root mean square difference of the tiny pictures of frames a (n,) and b (n,); frames outside are clamped."""
        return self._compared(a, b, lambda x, y: np.sqrt(np.square(x - y).mean(1)))

    def correlation(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Correlation of the luma of the tiny pictures of frames a and b, near 1 if both are flat."""
        return self._compared(a, b, _correlation)

    def one_sided(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """From 0 to 1: whether all cells get brighter, or all darker, from frames b to a, as where a light comes on."""
        return self._compared(a, b, _one_sided)

    def off_line(self, a: np.ndarray, middle: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Distance of the pictures of the frames `middle` to the blend of a and b at their time."""
        weight = ((middle - a) / (b - a))[:, None].astype(np.float32)
        blocks = range(0, len(a), BLOCK)
        return np.concatenate(
            [
                np.sqrt(np.square(self._of(middle, k) - self._of(a, k) * (1 - w) - self._of(b, k) * w).mean(1))
                for k, w in ((k, weight[k : k + BLOCK]) for k in blocks)
            ]
            or [np.zeros(0)]
        )

    def _compared(self, a: np.ndarray, b: np.ndarray, measure: Callable[..., np.ndarray]) -> np.ndarray:
        return np.concatenate(
            [measure(self._of(a, k), self._of(b, k)) for k in range(0, len(a), BLOCK)] or [np.zeros(0)]
        )

    def _of(self, frames: np.ndarray, start: int) -> np.ndarray:
        return self.picture[np.clip(frames[start : start + BLOCK], 0, len(self) - 1)].astype(np.float32)


def _correlation(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Of the cells that are not black in both, as the bars of a letterbox are."""
    a, b = a[:, :CELLS], b[:, :CELLS]
    shown = (np.maximum(a, b) > BLACK).astype(np.float32)
    count = np.maximum(shown.sum(1, keepdims=True), 1)
    a, b = ((x - (x * shown).sum(1, keepdims=True) / count) * shown for x in (a, b))
    noise = NOISE * count[:, 0]
    return ((a * b).sum(1) + noise) / np.sqrt((np.square(a).sum(1) + noise) * (np.square(b).sum(1) + noise))


def _one_sided(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    change = a[:, :CELLS] - b[:, :CELLS]
    return np.abs(change.mean(1)) / (np.abs(change).mean(1) + 1)


def around(values: np.ndarray, reach: int) -> tuple[np.ndarray, np.ndarray]:
    """Of the neighbors of each value within `reach`: the mean without the largest, which may be another cut, and it."""
    padded = np.pad(values.astype(np.float64), reach, mode="edge")
    total, most = np.zeros(len(values)), np.full(len(values), -np.inf)
    for shift in range(2 * reach + 1):
        if shift != reach:
            neighbor = padded[shift : shift + len(values)]
            total, most = total + neighbor, np.maximum(most, neighbor)
    return (total - most) / (2 * reach - 1), most
