"""A perceptual hash: 64 signs of a picture's lowest frequencies, the mirrored picture's by flipping fixed bits."""

from __future__ import annotations

import cv2
import numpy as np

SIDE = 64
"""Pictures are hashed from gray thumbnails of this size, squeezed to a square."""

FLAT = np.uint64(0)
"""The hash of a picture without content; no other picture has it."""

FLATTEST = 3.0
"""Thumbnails that deviate by less levels of gray have no content."""

_WAVES = np.cos((np.arange(SIDE) + 0.5) * np.arange(9)[:, None] * np.pi / SIDE).astype(np.float32)
_VERTICAL, _HORIZONTAL = (axis.ravel()[[*range(1, 64), 64]] for axis in np.divmod(np.arange(65), 8))
"""Frequencies of the bits: all of 0 to 7 in both directions but the mean, and (8, 0)."""


def _packed(bits: np.ndarray) -> np.uint64:
    return np.packbits(bits, bitorder="little").view("<u8").astype(np.uint64)[0]


MIRROR = _packed(_HORIZONTAL % 2 == 1)


def thumbnail(gray: np.ndarray) -> np.ndarray:
    """(64, 64) uint8 of a (h, w) uint8 gray picture, without its bars."""
    return cv2.resize(gray, (SIDE, SIDE), interpolation=cv2.INTER_AREA)


def picture_hash(small: np.ndarray) -> np.uint64:
    """The hash of a thumbnail: bit i is set if the picture's wave i (discrete cosine transform) is positive."""
    if cv2.meanStdDev(small)[1].item() < FLATTEST:
        return FLAT
    waves = _WAVES @ small.astype(np.float32) @ _WAVES.T
    return _packed(waves[_VERTICAL, _HORIZONTAL] > 0) or np.uint64(1)


def mirrored(hashes: np.ndarray) -> np.ndarray:
    """The hashes (uint64) of the mirrored pictures: waves that are odd from left to right change their sign."""
    return np.where(hashes == FLAT, FLAT, hashes ^ MIRROR)


def distance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The number of different bits, uint8, of hashes that broadcast."""
    return _count(np.bitwise_xor(a, b))


def _count_by_tables(values: np.ndarray) -> np.ndarray:
    """Set bits, for NumPy below 2."""
    values = np.ascontiguousarray(values, np.uint64)
    return _BITS[values[..., None].view(np.uint16)].sum(-1, dtype=np.uint8)


_BITS = np.unpackbits(np.arange(1 << 16, dtype=np.uint16).view(np.uint8).reshape(-1, 2), axis=1).sum(1, dtype=np.uint8)
_count = getattr(np, "bitwise_count", _count_by_tables)
