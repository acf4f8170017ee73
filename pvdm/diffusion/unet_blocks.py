"""Blocks of the triplane U-Net: residual, resampling and attention, each on one plane or on flat positions."""

from __future__ import annotations

import math

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional


class GroupNorm32(nn.GroupNorm):
    """32 groups, computed in float32 even if the input's type is shorter.

    A group of a single value becomes the bias, in a batch of one as in any other.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(32, channels)

    def forward(self, x: Tensor) -> Tensor:
        kind = torch.promote_types(x.dtype, torch.float32)
        weight, bias = self.weight.to(kind), self.bias.to(kind)
        # Not torch.nn.functional's, which refuses a single value per group, but in batches of one only.
        return torch.group_norm(x.to(kind), self.num_groups, weight, bias, self.eps).to(x.dtype)


def zero(layer: nn.Module) -> nn.Module:
    """The layer with its parameters at zero, so that a residual branch begins as the identity."""
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
    return layer


def timestep_embedding(t: Tensor, channels: int) -> Tensor:
    """Sinusoids of integer times t (b,) -> (b, channels) float32, cosines first."""
    half = channels // 2
    frequencies = torch.exp(-math.log(10000) * torch.arange(half, device=t.device).float() / half)
    angles = t[:, None].float() * frequencies
    return torch.cat((angles.cos(), angles.sin()), dim=-1)


def downsample(plane: Tensor) -> Tensor:
    """2x2 average pooling of (b, c, rows, columns); an odd edge is averaged over what it has."""
    return functional.avg_pool2d(plane, kernel_size=2, ceil_mode=True)


def upsample(plane: Tensor, size: tuple[int, int]) -> Tensor:
    """2x nearest neighbour of (b, c, rows, columns), cut to `size`, which is one less where it had been odd."""
    return functional.interpolate(plane, scale_factor=2, mode="nearest")[..., : size[0], : size[1]]


class ResidualBlock(nn.Module):
    """GroupNorm, SiLU, 3x3 twice, modulated by the time embedding (ADM, Dhariwal & Nichol 2021).

    Args:
        channels: Channels in.
        out_channels: Channels out.
        embedding_channels: Channels of the time embedding.
        dropout: Probability, before the second convolution.
        resample: "down" or "up" halves or doubles both axes inside the block; None keeps them.
    """

    def __init__(
        self,
        channels: int,
        out_channels: int,
        embedding_channels: int,
        *,
        dropout: float = 0.0,
        resample: str | None = None,
    ) -> None:
        super().__init__()
        self.resample = resample
        self.norm_in = GroupNorm32(channels)
        self.conv_in = nn.Conv2d(channels, out_channels, kernel_size=3, padding=1)
        self.modulation = nn.Linear(embedding_channels, 2 * out_channels)
        self.norm_out = GroupNorm32(out_channels)
        self.dropout = nn.Dropout(dropout)
        self.conv_out = zero(nn.Conv2d(out_channels, out_channels, kernel_size=3, padding=1))
        self.skip = nn.Identity() if channels == out_channels else nn.Conv2d(channels, out_channels, kernel_size=1)

    def forward(self, plane: Tensor, embedding: Tensor, size: tuple[int, int]) -> Tensor:
        """plane: (b, channels, rows, columns); embedding: (b, e); size: (rows, columns) wanted of an "up"."""
        h = self._resampled(functional.silu(self.norm_in(plane)), size)
        scale, shift = rearrange(self.modulation(functional.silu(embedding)), "b (two c) -> two b c 1 1", two=2)
        h = self.norm_out(self.conv_in(h)) * (1 + scale) + shift
        h = self.conv_out(self.dropout(functional.silu(h)))
        return self.skip(self._resampled(plane, size)) + h

    def _resampled(self, plane: Tensor, size: tuple[int, int]) -> Tensor:
        if self.resample == "down":
            return downsample(plane)
        return upsample(plane, size) if self.resample == "up" else plane


class Attention(nn.Module):
    """x + self-attention(norm(x)) over the positions of x: (b, channels, n)."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = GroupNorm32(channels)
        self.qkv = nn.Linear(channels, 3 * channels)
        self.out = zero(nn.Linear(channels, channels))

    def forward(self, x: Tensor) -> Tensor:
        # Channels come last because the fused attention kernels want those of a head side by side in memory.
        qkv = self.qkv(rearrange(self.norm(x), "b c n -> b n c"))
        # The fused channels are (head, three, channel), not (three, head, channel): as released.
        q, k, v = rearrange(qkv, "b n (k three c) -> three b k n c", k=self.heads, three=3)
        attended = functional.scaled_dot_product_attention(q, k, v)
        return x + rearrange(self.out(rearrange(attended, "b k n c -> b n (k c)")), "b n c -> b c n")
