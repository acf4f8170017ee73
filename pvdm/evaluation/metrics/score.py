"""The results of a metric: scores by name, and the floors of distances.

A floor is the distance between two sets of real clips, which no generator can be expected to beat.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from pvdm.evaluation.clips.source import ClipSource

DRAWS = 5
"""Number of random divisions that a floor averages if there are too few real clips for two full sets."""
LEAST = 2
"""Smallest number of clips with a covariance."""

Halves = Sequence[tuple[np.ndarray, np.ndarray]]
Better = Literal["lower", "higher", "like real"]


@dataclass(frozen=True)
class Floor:
    """The distance between two sets of real clips.

    clips: The size of either set. Where the data set is too small the sets are smaller than those of the score, which
    raises a Fréchet distance.
    """

    value: float
    clips: tuple[int, int]


@dataclass(frozen=True)
class Score:
    """One number of one repetition.

    Args:
        value: The number, or None if it could not be computed; `missing` then says why.
        better: Which values are good: low, high, or close to those of real clips.
        real: The same number for real clips.
        floor: For a distance, the distance between two sets of real clips.
        interval: 95 % interval of the value, from a bootstrap.
        frozen: The same number for real clips whose middle frame is held.
        spread_over_splits: Standard deviation over the splits that an inception score averages.
        missing: Why there is no value, and what to do about it.
        note: How to read the value, where it would mislead on its own.
    """

    value: float | None
    better: Better
    real: float | None = None
    floor: Floor | None = None
    interval: tuple[float, float] | None = None
    frozen: float | None = None
    spread_over_splits: float | None = None
    missing: str | None = None
    note: str | None = None


@dataclass(frozen=True)
class Scores:
    """The scores of one repetition, and `details`: curves and lists, JSON-able."""

    by_name: Mapping[str, Score]
    details: Mapping[str, Any] = field(default_factory=dict)


def halves(
    real: ClipSource, rows: np.ndarray, count: int, *, features: Callable[[ClipSource], np.ndarray], seed: int = 0
) -> Halves:
    """Pairs of disjoint sets of features of real clips, (n, d) and (m, d), whose distances make the floor.

    One pair, the rows (n, d) of `real` and those of `count` videos that `real` left out, if there are that many. Else
    `DRAWS` random divisions of all clips in the same proportion, or none if there are fewer than 4.
    """
    others = real.others(count)
    extra = rows[:0] if others is None else features(others)
    if len(extra) >= max(count, LEAST) and len(rows) >= LEAST:
        return [(rows, extra)]
    pool = np.concatenate([rows, extra])
    if len(pool) < 2 * LEAST:
        return []
    first = min(max(round(len(pool) * len(rows) / (len(rows) + count)), LEAST), len(pool) - LEAST)
    orders = (np.random.default_rng([seed, draw]).permutation(len(pool)) for draw in range(DRAWS))
    return [(pool[order[:first]], pool[order[first:]]) for order in orders]


def floor_of(distance: Callable[[np.ndarray, np.ndarray], float], pairs: Halves) -> Floor | None:
    """The mean distance over the pairs of `halves`; None if there are none."""
    if not pairs:
        return None
    value = float(np.mean([distance(second, first) for first, second in pairs]))
    return Floor(value, (len(pairs[0][0]), len(pairs[0][1])))
