"""Euclidean distances between feature rows, in blocks that bound the memory."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.spatial.distance import cdist

from pvdm.errors import InputError

BLOCK = 1 << 22
"""Distances in memory at once: 32 MiB."""


def nearest(features: np.ndarray, reference: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each of features (n, d), the nearest row of reference (m, d): its index (n,) and distance (n,), float64.

    Exact, not by scalar products, which lose the small distances that matter here. The first of equal rows wins.
    """
    _check(features, reference)
    index, distance = np.empty(len(features), dtype=np.int64), np.empty(len(features))
    for rows in _blocks(len(features), len(reference)):
        distances = cdist(features[rows], reference)
        index[rows] = distances.argmin(1)
        distance[rows] = distances.min(1)
    return index, distance


def mean_pairwise_distance(features: np.ndarray) -> float:
    """The mean distance between two different rows of features (n, d)."""
    _check(features, features)
    if len(features) < 2:
        raise InputError("diversity needs more than one clip", "give at least two")
    centred = np.asarray(features, dtype=np.float64) - features.mean(0, dtype=np.float64)
    squares = np.square(centred).sum(1)
    total = 0.0
    for rows in _blocks(len(features), len(features)):
        # By scalar products, which are many times faster: what they lose of small distances does not change the mean.
        squared = squares[rows, None] + squares - 2 * centred[rows] @ centred.T
        squared[np.arange(len(squared)), np.arange(len(features))[rows]] = 0
        total += np.sqrt(squared.clip(min=0)).sum()
    return float(total / (len(features) * (len(features) - 1)))


def _blocks(rows: int, columns: int) -> Iterator[slice]:
    """Slices of rows, each with at most `BLOCK` distances to `columns` others."""
    step = max(1, BLOCK // columns)
    return (slice(start, min(start + step, rows)) for start in range(0, rows, step))


def _check(features: np.ndarray, reference: np.ndarray) -> None:
    """InputError unless both are tables of finite numbers, not empty, of one width."""
    if features.ndim != 2 or reference.ndim != 2 or features.shape[1] != reference.shape[1]:
        raise InputError(
            f"features are {features.shape} and {reference.shape}",
            "give (n, d) and (m, d) of one detector",
        )
    if not len(features) or not len(reference):
        raise InputError(f"there are {len(features)} clips and {len(reference)} training clips", "give some of both")
    if not (np.isfinite(features).all() and np.isfinite(reference).all()):
        raise InputError("some features are not finite", "look for clips that the detector cannot judge")
