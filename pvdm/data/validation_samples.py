"""Some samples in the place of all: as many from every class and every video, and from all times of them."""

from __future__ import annotations

import numpy as np

GOLDEN = (5**0.5 - 1) / 2
"""Its multiples, less their whole parts, lie evenly in [0, 1) however many there are."""


def spread_evenly(counts: np.ndarray, total: int, labels: np.ndarray | None = None) -> np.ndarray:
    """Numbers of `total` samples, or of all if there are no more, ascending: (n,) int64; the same at every call.

    counts: (videos,) int64, samples of each video, which are numbered video by video in the order of time; labels:
    (videos,) int64, the class of each. Classes have equal shares, as far as they have samples, and so have the videos
    of a class; what is left over goes to videos that lie evenly apart. A video's samples are of times evenly apart.
    """
    labels = np.zeros(len(counts), np.int64) if labels is None else labels
    groups = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    of_classes = _shares(np.array([counts[group].sum() for group in groups]), total)
    shares = np.zeros(len(counts), np.int64)
    for group, share in zip(groups, of_classes, strict=True):
        shares[group] = _shares(counts[group], share)
    firsts = np.cumsum(counts) - counts
    chosen = np.flatnonzero(shares)
    times = [_times(counts[video], shares[video], turn * GOLDEN % 1) for turn, video in enumerate(chosen, 1)]
    return np.concatenate([firsts[video] + time for video, time in zip(chosen, times, strict=True)])


def _shares(room: np.ndarray, total: int) -> np.ndarray:
    """(n,) int64: as equal as possible, none more than its room, together `total` or all the room there is."""
    total = min(total, int(room.sum()))
    level = _level(room, total)
    shares = np.minimum(room, level)
    rest = total - int(shares.sum())
    more = np.flatnonzero(room > level)
    shares[more[(2 * np.arange(rest) + 1) * len(more) // (2 * max(rest, 1))]] += 1
    return shares


def _level(room: np.ndarray, total: int) -> int:
    """The highest share that all can have, or their room if that is less, within the total."""
    low, high = 0, int(room.max())
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if np.minimum(room, middle).sum() <= total else (low, middle - 1)
    return low


def _times(count: int, share: int, offset: float) -> np.ndarray:
    """(share,) int64 of range(count), ascending: one in each of `share` equal stretches, `offset` in [0, 1) into it."""
    return ((np.arange(share) + offset) * count / share).astype(np.int64)
