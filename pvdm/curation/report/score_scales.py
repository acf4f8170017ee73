"""Scales of scores: the thresholds that a report offers, and between which of them each value lies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

FEW = 20
"""Different values up to which they are the thresholds themselves, such as heights."""

MOST_STEPS = 60
"""Largest number of thresholds on a linear scale."""

STEPS = (1.0, 2.0, 5.0, 10.0)
"""Widths of a linear scale's steps, times a power of ten."""

DECADE = (1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0)
"""Thresholds on a logarithmic scale, times powers of ten."""

MOST_DECADES = 5
SKEWED = 0.15
"""Ratio of the median to the 99th percentile, of values above 0, below which a scale is logarithmic."""

ABSENT = 255
"""Level of a clip that has no value."""


@dataclass(frozen=True)
class Scale:
    """The thresholds of a score.

    Args:
        edges: (k,) float64, increasing, k < 255; short decimal numbers, so that they read as they are.
        is_logarithmic: Whether they are spaced so.
    """

    edges: np.ndarray
    is_logarithmic: bool = False

    def levels(self, values: np.ndarray) -> np.ndarray:
        """(n,) uint8: how many thresholds a value reaches, so that value >= edges[i] where level > i; or `ABSENT`.

        They are compared in the precision of the values, as expressions do.
        """
        levels = np.searchsorted(self.edges.astype(values.dtype), values, side="right").astype(np.uint8)
        return np.where(np.isnan(values), np.uint8(ABSENT), levels)

    @property
    def labels(self) -> list[str]:
        """The thresholds as text, which reads as exactly these numbers."""
        return [f"{edge:g}" for edge in self.edges]


def scale_of(values: np.ndarray, *, whole: bool = False) -> Scale | None:
    """A scale for (n,) floats, NaN where there is none; None if they do not differ in six digits.

    whole: They are integers. The few largest and smallest values lie outside the thresholds.
    """
    found = np.sort(values[np.isfinite(values)])
    if not len(found) or found[0] == found[-1]:
        return None
    if (few := _few(found)) is not None:
        return Scale(few)
    is_logarithmic = not whole and _skewed(found)
    edges = _decades(found) if is_logarithmic else _steps(found, whole)
    between = edges[(edges > found[0]) & (edges <= found[-1])]
    return Scale(between, is_logarithmic) if len(between) else None


def _few(values: np.ndarray) -> np.ndarray | None:
    """The values but the smallest, if they are few and read as they are."""
    different = np.unique(values)[1:]
    edges = _round(different)
    return edges if len(edges) < FEW and (edges.astype(values.dtype) == different).all() else None


def _skewed(values: np.ndarray) -> bool:
    positive = values[values > 0]
    if values[0] < 0 or not len(positive):
        return False
    return float(np.median(positive)) < SKEWED * float(np.percentile(positive, 99))


def _steps(values: np.ndarray, whole: bool) -> np.ndarray:
    low, high = np.percentile(values, (0.5, 99.5))
    if low == high:
        low, high = values[0], values[-1]
    rough = (high - low) / MOST_STEPS
    power = 10.0 ** np.floor(np.log10(rough))
    step = next(width for width in STEPS if width * power >= rough) * power
    step = max(1.0, step) if whole else step
    return _round(np.arange(np.floor(low / step), np.ceil(high / step) + 1) * step)


def _decades(values: np.ndarray) -> np.ndarray:
    low, high = np.percentile(values[values > 0], (1, 99.9))
    last = int(np.floor(np.log10(high)))
    first = max(int(np.floor(np.log10(low))), last - MOST_DECADES + 1)
    edges = _round(np.outer(10.0 ** np.arange(first, last + 1), DECADE).ravel())
    return edges[(edges >= low) & (edges <= high)]


def _round(edges: np.ndarray) -> np.ndarray:
    """The numbers that the labels say."""
    return np.array([float(f"{edge:g}") for edge in edges])
