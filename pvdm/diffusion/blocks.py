"""Blocks of the triplane U-Net: residual, resampling and attention, on planes of any sizes or on flat positions."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional

FEW = 256
"""Positions of all planes up to which a CPU convolves them sooner as a product with the weights as they are."""


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


class SharedConvolution(nn.Conv2d):
    """The same convolution of planes (b, c, rows, columns) whose batches and sizes may differ, of odd kernel."""

    def __init__(self, channels: int, out_channels: int, kernel_size: int) -> None:
        super().__init__(channels, out_channels, kernel_size, padding=kernel_size // 2)

    def forward(self, planes: Sequence[Tensor]) -> list[Tensor]:
        if self._few(planes):
            return self._product(planes)
        return [self._conv_forward(plane, self.weight, self.bias) for plane in planes]

    def _few(self, planes: Sequence[Tensor]) -> bool:
        """Whether to lay out the weights anew, as the convolution does at each call, costs more than it gains."""
        if torch.is_grad_enabled() or torch.compiler.is_compiling() or planes[0].device.type != "cpu":
            return False
        return sum(plane.numel() for plane in planes) <= FEW * self.in_channels

    def _product(self, planes: Sequence[Tensor]) -> list[Tensor]:
        """All planes at once, so that the weights are read once."""
        patches = [functional.unfold(plane, self.kernel_size, padding=self.padding) for plane in planes]
        patches = [rearrange(part, "b k n -> k (b n)") for part in patches]
        flat = torch.addmm(self.bias[:, None], self.weight.flatten(1), torch.cat(patches, dim=1))
        parts = zip(flat.split([part.shape[1] for part in patches], dim=1), planes, strict=True)
        return [
            rearrange(part, "c (b rows columns) -> b c rows columns", b=len(plane), rows=plane.shape[2])
            for part, plane in parts
        ]


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
        self.conv_in = SharedConvolution(channels, out_channels, 3)
        self.modulation = nn.Linear(embedding_channels, 2 * out_channels)
        self.norm_out = GroupNorm32(out_channels)
        self.dropout = nn.Dropout(dropout)
        self.conv_out = zero(SharedConvolution(out_channels, out_channels, 3))
        self.skip = nn.Identity() if channels == out_channels else SharedConvolution(channels, out_channels, 1)

    def forward(self, planes: Sequence[Tensor], embedding: Tensor, sizes: Sequence[tuple[int, int]]) -> list[Tensor]:
        """planes: (k * b, channels, rows, columns), of k planes each; embedding: (b, e); sizes: wanted of an "up"."""
        scale, shift = rearrange(self.modulation(functional.silu(embedding)), "b (two c) -> two b c 1 1", two=2)
        h = self.conv_in(self._resampled([functional.silu(self.norm_in(plane)) for plane in planes], sizes))
        h = self.conv_out([self._modulated(self.norm_out(plane), scale, shift) for plane in h])
        skipped = self.skip(self._resampled(planes, sizes))
        return [plane + branch for plane, branch in zip(skipped, h, strict=True)]

    def _modulated(self, plane: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        times = len(plane) // len(scale)
        scale, shift = scale.repeat(times, 1, 1, 1), shift.repeat(times, 1, 1, 1)
        return self.dropout(functional.silu(torch.addcmul(shift, plane, 1 + scale)))

    def _resampled(self, planes: Sequence[Tensor], sizes: Sequence[tuple[int, int]]) -> Sequence[Tensor]:
        if self.resample == "down":
            return [downsample(plane) for plane in planes]
        if self.resample == "up":
            return [upsample(plane, size) for plane, size in zip(planes, sizes, strict=True)]
        return planes


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
