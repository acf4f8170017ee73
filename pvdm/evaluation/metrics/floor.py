"""The floor of a distance: what real clips have against other real ones, which no generator can be expected to beat."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from pvdm.evaluation.clips.source import ClipSource

DRAWS = 5
"""Random divisions of the real clips over which a floor is averaged where there are too few for one of full size."""
LEAST = 2
"""Clips of either side of which there is a covariance."""

Halves = Sequence[tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Floor:
    """A distance of real clips from other real clips.

    clips: how many on either side; fewer than the figure's own where the data have no more, which raises a Fréchet
    distance.
    """

    value: float
    clips: tuple[int, int]


def halves(
    real: ClipSource, rows: np.ndarray, count: int, *, features: Callable[[ClipSource], np.ndarray], seed: int = 0
) -> Halves:
    """Disjoint sets of features of real clips, (n, d) and (m, d), of which the distances are the floor's.

    The rows (n, d) of `real` against those of `count` videos that are not among them. Where the data have no such
    many, all there are, divided at random in the same proportion, several times; none if there are fewer than 4.
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


def floor_of(distance: Callable[[np.ndarray, np.ndarray], float], found: Halves) -> Floor | None:
    """The mean distance of the halves; None if there are none."""
    if not found:
        return None
    value = float(np.mean([distance(second, first) for first, second in found]))
    return Floor(value, (len(found[0][0]), len(found[0][1])))
