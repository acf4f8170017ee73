"""The spectrum of a clip: a cosine transform over time, and patches that overlap without redundancy."""

from __future__ import annotations

import math

import torch
from einops import rearrange
from torch import Tensor, nn

from pvdm.autoencoder.config import SpectralConfig
from pvdm.runtime.precision import in_float32

SCALING = 1.3
"""Scaling of the lapped transform's smoothest difference: 1 is orthonormal, 1.3 had the highest PSNR on UCF-101."""


class Spectrum(nn.Module):
    """Video to the temporal frequencies of its patches, and back.

    Before it is cut into patches, each frame is mixed across their borders (the lapped transform of Tran, Liang & Tu
    2003, IEEE Trans. Signal Processing 51(6)): what is left out of a patch then shows no border.
    """

    def __init__(self, config: SpectralConfig) -> None:
        super().__init__()
        self.patch_size = config.patch
        rows, columns = (lapped(length, config.patch) for length in (config.height, config.width))
        for axis, basis in {"time": cosines(config.frames), "rows": rows, "columns": columns}.items():
            self.register_buffer(axis, basis.float(), persistent=False)
            self.register_buffer(f"from_{axis}", torch.linalg.inv(basis).float(), persistent=False)

    def forward(self, video: Tensor) -> Tensor:
        """video: (b, 3, t, h * patch, w * patch) -> (b, h, w, k, 3 * patch**2), k frequencies, lowest first."""
        p = self.patch_size
        return rearrange(self._mixed(self.over_time(video)), "b k c (h p) (w q) -> b h w k (c p q)", p=p, q=p)

    @in_float32
    def pictures(self, spectrum: Tensor) -> Tensor:
        """The inverse of `forward` but for time: a picture of each frequency, (b, k, 3, h * patch, w * patch)."""
        p = self.patch_size
        mixed = rearrange(spectrum, "b h w k (c p q) -> b k c (h p) (w q)", c=3, p=p, q=p)
        return self.from_rows @ mixed @ self.from_columns.T

    @in_float32
    def over_time(self, video: Tensor) -> Tensor:
        """video: (b, 3, t, h, w) -> a picture of each frequency, (b, k, 3, h, w)."""
        return torch.einsum("kt,bctyx->bkcyx", self.time, video)

    @in_float32
    def to_video(self, pictures: Tensor) -> Tensor:
        """The inverse of `over_time`."""
        return torch.einsum("tk,bkcyx->bctyx", self.from_time, pictures)

    @in_float32
    def of_plane(self, plane: Tensor) -> Tensor:
        """A motion plane (b, c, t, n) to its frequencies (b, n, k, c)."""
        return torch.einsum("kt,bctn->bnkc", self.time, plane)

    @in_float32
    def to_plane(self, frequencies: Tensor) -> Tensor:
        """The inverse of `of_plane`."""
        return torch.einsum("tk,bnkc->bctn", self.from_time, frequencies)

    @in_float32
    def _mixed(self, pictures: Tensor) -> Tensor:
        """Pictures mixed across the borders of patches."""
        return self.rows @ pictures @ self.columns.T


def cosines(length: int, shift: float = 0.0) -> Tensor:
    """The orthonormal cosine transform (frequencies, positions) float64: DCT-II, or DCT-IV with a shift of 1/2."""
    k, n = torch.arange(length, dtype=torch.float64)[:, None] + shift, torch.arange(length, dtype=torch.float64)
    basis = torch.cos(math.pi / length * (n + 0.5) * k) * (2 / length) ** 0.5
    if not shift:
        basis[0] /= 2**0.5
    return basis


def lapped(length: int, patch_size: int) -> Tensor:
    """The mixing across the borders of patches along an axis of `length` pixels, (length, length) float64."""
    half = patch_size // 2
    mixing = torch.eye(length, dtype=torch.float64)
    for border in range(patch_size, length, patch_size) if half else ():
        around = slice(border - half, border + half)
        mixing[around, around] = _across_a_border(half)
    return mixing


def _across_a_border(half: int) -> Tensor:
    """Tran et al., eq. 9 and 15: differences between mirrored pixels are rotated, and the smoothest one scaled."""
    unit, mirror = torch.eye(half, dtype=torch.float64), torch.eye(half, dtype=torch.float64).flip(0)
    scaling = unit.clone()
    scaling[0, 0] = SCALING
    rotation = mirror @ cosines(half).T @ scaling @ cosines(half, 0.5) @ mirror
    butterfly = torch.cat((torch.cat((unit, mirror), 1), torch.cat((mirror, -unit), 1)))
    return butterfly @ torch.block_diag(unit, rotation) @ butterfly / 2
