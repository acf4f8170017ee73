"""An invisible watermark of 16 bits in the pixels: spread spectrum over middle spatial frequencies of every frame.

Cox et al., "Secure spread spectrum watermarking for multimedia", IEEE Transactions on Image Processing 6(12), 1997. The
pattern is the same in all frames, so any span of them can be read; its frequencies are counted per picture, so a scaled
picture can be.
"""

from __future__ import annotations

import hashlib
import math
import os
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from pvdm.errors import ArgumentError
from pvdm.provenance.bch_code import CODE_BITS, DATA_BITS, codewords

KEY = "PVDM_WATERMARK_KEY"
"""Environment variable with a secret; without it the key is public, and anybody can read, remove or forge watermarks.
"""

LOWEST, HIGHEST = 32, 110
"""Radius of the band in the plane of DCT indices, half periods per height and width."""

PSNR = 43.0
"""dB between a frame and the same with a watermark; a little more where pixels are cut off at black or white."""

WINDOW, FLAT, MOST = 9, 3.0, 8.0
"""Pixels over which the standard deviation is measured that hides the watermark; its strength in flat areas, and its
limit, in the same units."""

LUMA = (0.299, 0.587, 0.114)


class Chips(NamedTuple):
    """The coefficients that carry the code: rows and columns of the DCT, the bit of each, and its sign (n,)."""

    rows: np.ndarray
    columns: np.ndarray
    bits: np.ndarray
    signs: np.ndarray


@dataclass(frozen=True)
class Watermark:
    """Puts a payload into frames.

    Args:
        payload: 0 ... 65535.
        key: What the pattern is drawn from; by default that of `$PVDM_WATERMARK_KEY`, or a public one.
    """

    payload: int
    key: str | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.payload < 1 << DATA_BITS:
            raise ArgumentError(f"the watermark is {self.payload}", f"give a number from 0 to {(1 << DATA_BITS) - 1}")

    def marked(self, frames: Tensor) -> Tensor:
        """(3, t, h, w) uint8 -> the same with the watermark; each frame's depends on that frame alone."""
        pattern = _pattern(*frames.shape[-2:], self.payload, secret(self.key)).to(frames.device)
        return torch.cat([self._marked(frame, pattern) for frame in frames.split(1, dim=1)], dim=1)

    def _marked(self, frames: Tensor, pattern: Tensor) -> Tensor:
        change = pattern * hiding(luma(frames))
        change *= 255 / 10 ** (PSNR / 20) / change.square().mean().sqrt().clamp(min=1e-6)
        return (frames.float() + change).round().clamp(0, 255).byte()


def luma(frames: Tensor) -> Tensor:
    """(3, t, h, w) uint8 -> brightness (t, h, w), 0 ... 255."""
    return torch.einsum("cthw,c->thw", frames.float(), torch.tensor(LUMA, device=frames.device))


def hiding(brightness: Tensor) -> Tensor:
    """(t, h, w) -> how strong a change may be at each pixel: more where the picture is busy."""
    mean = smoothed(brightness, WINDOW)
    deviation = (smoothed(brightness.square(), WINDOW) - mean.square()).clamp(min=0).sqrt()
    return (FLAT + smoothed(deviation.clamp(max=3 * MOST), WINDOW)).clamp(max=3 * MOST)


def smoothed(pictures: Tensor, window: int) -> Tensor:
    """(t, h, w) averaged over squares of an odd number of pixels; pictures go on beyond their edges mirrored."""
    edge = min(window // 2, *(side - 1 for side in pictures.shape[-2:]))
    padded = F.pad(pictures[:, None], (edge,) * 4, mode="reflect")
    for size in ((2 * edge + 1, 1), (1, 2 * edge + 1)):
        padded = F.avg_pool2d(padded, size, stride=1)
    return padded[:, 0]


@lru_cache(8)
def chips_of(height: int, width: int, key: str) -> Chips:
    """The coefficients of the band that pictures of a size have.

    Their bits and signs are drawn by SHAKE-256 from the key, for the whole band, so that they are the same at any size.
    """
    index = np.arange(HIGHEST)
    radius = np.hypot(index[:, None], index)
    rows, columns = np.nonzero((radius >= LOWEST) & (radius < HIGHEST))
    drawn = np.frombuffer(hashlib.shake_256(key.encode()).digest(8 * len(rows)), dtype="<u8")
    bits = np.empty(len(rows), dtype=np.int64)
    bits[np.argsort(drawn >> 1, kind="stable")] = np.arange(len(rows)) % CODE_BITS
    signs = 1.0 - 2.0 * (drawn & 1)
    exist = (rows < height) & (columns < width)
    return Chips(*(values[exist] for values in (rows, columns, bits, signs)))


@lru_cache(8)
def cosines(size: int) -> Tensor:
    """The rows of the orthonormal DCT-II of `size` samples up to `HIGHEST`: (min(size, HIGHEST), size) float32."""
    places = (torch.arange(size, dtype=torch.float64) + 0.5) * math.pi / size
    rows = torch.cos(torch.arange(min(size, HIGHEST), dtype=torch.float64)[:, None] * places) * math.sqrt(2 / size)
    rows[0] /= math.sqrt(2)
    return rows.float()


@lru_cache(8)
def _pattern(height: int, width: int, payload: int, key: str) -> Tensor:
    """(h, w): the sum of all carriers, each with the sign of its chip and of its bit of the code."""
    chips = chips_of(height, width, key)
    coefficients = torch.zeros(min(height, HIGHEST), min(width, HIGHEST))
    coefficients[chips.rows, chips.columns] = torch.from_numpy(
        (chips.signs * codewords()[payload][chips.bits]).astype(np.float32)
    )
    return cosines(height).T @ coefficients @ cosines(width)


def secret(key: str | None) -> str:
    """A key, or the one that is meant without."""
    return os.environ.get(KEY, "pvdm") if key is None else key
