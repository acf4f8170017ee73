"""Pairs of clips that may show the same: frames whose hashes agree in random bits (Indyk and Motwani, 1998)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pvdm.curation.duplicates.clip_alignment import ClipHashes
from pvdm.curation.duplicates.picture_hash import FLAT, MIRROR, distance

TABLES = 8
BITS = 24
"""Bits of a key: two hashes that differ in 4 of 64 bits share it with a chance of 0.14, in 8 bits of 0.02."""

SIDES = (np.uint64(1), np.uint64(1 << 2))
"""Bits of odd waves; a hash is mirrored before it is looked up if the bit is set, so that mirrored pictures agree."""

FARTHEST = 14
"""Frames whose hashes differ in more bits do not show the same."""

FIRST, NEXT = 8, 8
"""Each hash is compared with this many first ones, and neighbors, of those with the same key: cost stays linear."""

BLOCK = 1 << 22
"""About how many hashes are sorted at a time."""


def colliding(hashes: ClipHashes, table: int) -> Iterator[np.ndarray]:
    """Blocks of candidates, (k, 4) int64: clip, later clip, frames that the second is ahead, and 1 if mirrored."""
    count = len(hashes.values)
    parts = -(-count // BLOCK)
    for part in range(parts):
        found = [_entries(hashes, table, slice(start, start + BLOCK), part, parts) for start in range(0, count, BLOCK)]
        entries, keys = (np.concatenate(arrays) for arrays in zip(*found, strict=True))
        order = np.argsort(keys, kind="stable")
        entries = entries[order]
        pairs = [_candidates(hashes, entries[pairs], table) for pairs in _neighbors(keys[order])]
        yield np.unique(np.concatenate(pairs), axis=0)


def _entries(hashes: ClipHashes, table: int, block: slice, part: int, parts: int) -> tuple[np.ndarray, np.ndarray]:
    """Places and keys of those hashes of a block whose keys are in one of so many parts of all keys."""
    values = hashes.values[block]
    keys = _upright(values, table)[0] & _key_bits(table)
    in_part = (keys * np.uint64(0x9E3779B97F4A7C15) >> np.uint64(32)) % np.uint64(parts) == part
    chosen = np.flatnonzero(in_part & hashes.fresh[block] & (values != FLAT))
    return chosen + block.start, keys[chosen]


def _upright(values: np.ndarray, table: int) -> tuple[np.ndarray, np.ndarray]:
    """Hashes (n,), mirrored if the table's side bit is set, and whether it was."""
    turned = (values & SIDES[table % len(SIDES)]) != 0
    return np.where(turned, values ^ MIRROR, values), turned


def _key_bits(table: int) -> np.uint64:
    chosen = np.random.default_rng(table).permutation(64)[:BITS]
    return np.bitwise_or.reduce(np.uint64(1) << chosen.astype(np.uint64))


def _neighbors(keys: np.ndarray) -> Iterator[np.ndarray]:
    """(k, 2): places (earlier, later) in sorted keys (n,) of equal ones."""
    places = np.arange(len(keys))
    starts = np.concatenate([[True], keys[1:] != keys[:-1]])[: len(keys)]
    first = np.maximum.accumulate(np.where(starts, places, 0))
    for ahead in range(FIRST):
        later = places[first + ahead < places]
        yield np.stack([first[later] + ahead, later], axis=1)
    for back in range(1, NEXT + 1):
        later = places[places - back >= first + FIRST]
        yield np.stack([later - back, later], axis=1)


def _candidates(hashes: ClipHashes, pairs: np.ndarray, table: int) -> np.ndarray:
    """Of pairs (n, 2) of hashes: those that are near each other and of different clips."""
    clips = hashes.clip[pairs]
    upright, turned = _upright(hashes.values[pairs], table)
    chosen = (distance(*upright.T) <= FARTHEST) & (clips[:, 0] != clips[:, 1])
    frames = hashes.frame[pairs[chosen]]
    is_mirrored = turned[chosen, 0] != turned[chosen, 1]
    return np.column_stack([clips[chosen], frames[:, 1] - frames[:, 0], is_mirrored]).astype(np.int64)
