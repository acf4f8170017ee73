"""Compares clips frame by frame, one shifted against the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from pvdm.curation.duplicates.picture_hash import FLAT, MIRROR, distance

OVERLAP = 0.8
"""Share of the shorter clip that must lie within the longer."""

NEAREST = 0.2
"""Bits by which the frames of a copy differ on average..."""

MOVING = 0.8
"""... and more for each bit by which frames 1/8 s apart differ, since a copy's frames may be 1/16 s off."""

STILL = 3
"""Bits by which two stills may differ, which have no movement to compare."""

FEWEST = 3
"""Frames with content that both clips must have in common, or all that the shorter has."""

BLOCK = 1 << 22


class ClipHashes:
    """The hashes of many clips in one array, and the comparison of pairs of them.

    `values` (n,) uint64, `clip` and `frame` (n,) say whose it is and which of its frames; `fresh` (n,) bool, whether it
    differs from the frame before.
    """

    def __init__(self, clips: Sequence[np.ndarray]) -> None:
        self.lengths = np.array([len(hashes) for hashes in clips], np.int64)
        self.starts = np.cumsum(self.lengths) - self.lengths
        self.values = np.concatenate([np.empty(0, np.uint64), *clips])
        self.clip = np.repeat(np.arange(len(clips), dtype=np.int32), self.lengths)
        frames = [np.arange(length, dtype=np.int32) for length in self.lengths]
        self.frame = np.concatenate([np.empty(0, np.int32), *frames])
        self._steps = np.zeros(len(self.values), np.uint8)
        self._steps[1:] = distance(self.values[1:], self.values[:-1])
        self._steps[self.frame == 0] = 0
        self.fresh = (self.frame == 0) | (self._steps > 0)

    def __len__(self) -> int:
        return len(self.lengths)

    def same(self, candidates: np.ndarray) -> np.ndarray:
        """(m, 2): the clips of those candidates (k, 4) that show the same, see `hash_tables.colliding`."""
        first, second, ahead, _ = candidates.T
        begin = np.maximum(0, -ahead)
        count = np.minimum(self.lengths[first], self.lengths[second] - ahead) - begin
        enough = count >= OVERLAP * np.minimum(self.lengths[first], self.lengths[second])
        candidates, begin, count = candidates[enough], begin[enough], count[enough]
        same = [self._same(candidates[block], begin[block], count[block]) for block in _blocks(count)]
        return candidates[np.concatenate([np.empty(0, bool), *same])][:, :2]

    def _same(self, candidates: np.ndarray, begin: np.ndarray, count: np.ndarray) -> np.ndarray:
        """(k,) bool; begin: the first common frame of the first clip, count: of common frames, at least 1."""
        first, second, ahead, is_mirrored = candidates.T
        edges = np.cumsum(count) - count
        frame = np.arange(count.sum()) - np.repeat(edges - begin, count)
        here = np.repeat(self.starts[first], count) + frame
        there = np.repeat(self.starts[second] + ahead, count) + frame
        a, b = self.values[here], self.values[there]
        bits = distance(a, np.where(np.repeat(is_mirrored == 1, count) & (b != FLAT), b ^ MIRROR, b)).astype(np.int64)
        has_content = (a != FLAT) | (b != FLAT)
        steps = np.maximum(self._steps[here], self._steps[there]).astype(np.int64)
        bits, steps, frames = (np.add.reduceat(rows * has_content, edges) for rows in (bits, steps, has_content))
        allowed = np.where(steps > 0, NEAREST * frames + MOVING * steps, STILL * frames)
        return (frames >= np.minimum(FEWEST, count)) & (bits <= allowed)


def _blocks(count: np.ndarray) -> Iterator[slice]:
    """Slices of rows with some 4 million frames in all."""
    if not len(count):
        return
    block = np.cumsum(count) // BLOCK
    edges = np.flatnonzero(np.diff(block)) + 1
    yield from (slice(*ends) for ends in zip([0, *edges], [*edges, len(count)], strict=True))
