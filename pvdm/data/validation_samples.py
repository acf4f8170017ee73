"""A subset of samples for validation, spread evenly over classes, videos and time."""

from __future__ import annotations

import numpy as np

GOLDEN = (5**0.5 - 1) / 2
"""The fractional parts of its multiples lie evenly in [0, 1), however many there are."""


def spread_evenly(counts: np.ndarray, total: int, labels: np.ndarray | None = None) -> np.ndarray:
    """Indices of `total` samples, or of all if there are no more, ascending: (n,) int64; the same at every call.

    Classes get equal shares, as far as they have samples, and so do the videos of a class; the remainder goes to videos
    at even distances. The samples of a video are at even distances in time.

    Args:
        counts: (videos,) int64, samples of each video; samples are numbered video by video in the order of time.
        total: How many to choose.
        labels: (videos,) int64, the class of each video.
    """
    labels = np.zeros(len(counts), np.int64) if labels is None else labels
    groups = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    of_classes = equal_shares(np.array([counts[group].sum() for group in groups]), total)
    shares = np.zeros(len(counts), np.int64)
    for group, share in zip(groups, of_classes, strict=True):
        shares[group] = equal_shares(counts[group], share)
    firsts = np.cumsum(counts) - counts
    chosen = np.flatnonzero(shares)
    times = [_times(counts[video], shares[video], turn * GOLDEN % 1) for turn, video in enumerate(chosen, 1)]
    return np.concatenate([firsts[video] + time for video, time in zip(chosen, times, strict=True)])


def equal_shares(room: np.ndarray, total: int) -> np.ndarray:
    """(n,) int64: shares as equal as possible, none above its room, together `total` or all the room."""
    total = min(total, int(room.sum()))
    level = _level(room, total)
    shares = np.minimum(room, level)
    rest = total - int(shares.sum())
    more = np.flatnonzero(room > level)
    shares[more[(2 * np.arange(rest) + 1) * len(more) // (2 * max(rest, 1))]] += 1
    return shares


def _level(room: np.ndarray, total: int) -> int:
    """The highest equal share, capped by each one's room, that stays within the total."""
    low, high = 0, int(room.max())
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if np.minimum(room, middle).sum() <= total else (low, middle - 1)
    return low


def _times(count: int, share: int, offset: float) -> np.ndarray:
    """(share,) int64 of range(count), ascending: one in each of `share` equal intervals, `offset` in [0, 1) into it."""
    return ((np.arange(share) + offset) * count / share).astype(np.int64)
