"""The blocks of the triplane U-Net: residual blocks, resampling, attention over positions."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional

from pvdm.autoencoder import PLANES, Triplane
from pvdm.runtime.attention_launches import attend


class GroupNorm32(nn.GroupNorm):
    """Group norm with 32 groups, computed in at least float32; a group of a single value becomes the bias."""

    def __init__(self, channels: int) -> None:
        super().__init__(32, channels)

    def forward(self, x: Tensor) -> Tensor:
        """x: (b, channels, ...) -> like x."""
        dtype = torch.promote_types(x.dtype, torch.float32)
        weight, bias = self.weight.to(dtype), self.bias.to(dtype)
        # torch.nn.functional.group_norm refuses a single value per group, though only in a batch of one.
        return torch.group_norm(x.to(dtype), self.num_groups, weight, bias, self.eps).to(x.dtype)


def zero(layer: nn.Module) -> nn.Module:
    """The layer with its parameters set to zero, so that a residual block starts as the identity."""
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
    return layer


def timestep_embedding(t: Tensor, channels: int) -> Tensor:
    """Sinusoids of integer times t (b,) -> (b, channels) float32, cosines first."""
    half = channels // 2
    frequencies = torch.exp(-math.log(10000) * torch.arange(half, device=t.device).float() / half)
    angles = t[:, None].float() * frequencies
    return torch.cat((angles.cos(), angles.sin()), dim=-1)


class LevelEmbedding(nn.Sequential):
    """Embedding of the noise level of a part of the condition; starts at zero.

    Args:
        channels: Of the sinusoids.
        out_channels: Of the embedding that it is added to.
    """

    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__(nn.Linear(channels, out_channels), nn.SiLU(), zero(nn.Linear(out_channels, out_channels)))
        self.channels = channels

    def forward(self, given: tuple[Tensor, Tensor] | None, like: Tensor) -> Tensor | float:
        """What to add to an embedding `like` (b, out_channels).

        given: Levels and where samples have that part, both (b,), see `Condition.levels`; elsewhere it is 0.
        """
        if given is None:
            return 0.0
        level, mask = given
        return super().forward(timestep_embedding(level, self.channels).to(like.dtype)) * mask[:, None]


def downsample(plane: Tensor) -> Tensor:
    """2x2 average pooling of (b, c, rows, columns); an odd edge averages the values that it has."""
    return functional.avg_pool2d(plane, kernel_size=2, ceil_mode=True)


def upsample(plane: Tensor, size: tuple[int, int]) -> Tensor:
    """2x nearest neighbor of (b, c, rows, columns), cropped to `size`: one less where `downsample` met an odd edge."""
    return functional.interpolate(plane, scale_factor=2, mode="nearest")[..., : size[0], : size[1]]


class PlaneConvolutions(nn.Module):
    """A 3x3 convolution for each plane, for planes whose numbers of channels differ.

    Args:
        channels: Channels in, of the planes hw, tw and th.
        out_channels: Channels out.
        bias: Whether they add a bias; without one, zeros stay zeros.
    """

    def __init__(
        self, channels: tuple[int, int, int], out_channels: tuple[int, int, int], *, bias: bool = True
    ) -> None:
        super().__init__()
        sizes = zip(PLANES, channels, out_channels, strict=True)
        convolutions = {name: nn.Conv2d(*size, kernel_size=3, padding=1, bias=bias) for name, *size in sizes}
        self.planes = nn.ModuleDict(convolutions)

    def forward(self, planes: Triplane) -> Triplane:
        """Each plane by its own convolution."""
        return Triplane(*(self.planes[name](plane) for name, plane in zip(PLANES, planes, strict=True)))


def fold_time(planes: Triplane, factor: int) -> Triplane:
    """Motion planes (b, c, t, n) -> (b, c * factor, t / factor, n): `factor` neighboring frames in one position."""
    if factor == 1:
        return planes
    tw, th = (rearrange(plane, "b c (t f) n -> b (c f) t n", f=factor) for plane in (planes.tw, planes.th))
    return Triplane(planes.hw, tw, th)


def unfold_time(planes: Triplane, factor: int) -> Triplane:
    """Inverse of `fold_time`."""
    if factor == 1:
        return planes
    tw, th = (rearrange(plane, "b (c f) t n -> b c (t f) n", f=factor) for plane in (planes.tw, planes.th))
    return Triplane(planes.hw, tw, th)


class ResidualBlock(nn.Module):
    """GroupNorm, SiLU and 3x3 convolution, twice, modulated by the embedding (ADM, Dhariwal & Nichol 2021).

    Args:
        channels: Channels in.
        out_channels: Channels out.
        embedding_channels: Channels of the embedding of time and label.
        dropout: Probability, before the second convolution.
        resample: "down" halves and "up" doubles both axes inside the block; None keeps them.
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

    def forward(self, batches: Sequence[Tensor], embedding: Tensor, sizes: Sequence[tuple[int, int]]) -> list[Tensor]:
        """Batches of planes of one size each, (k * b, channels, rows, columns) with k planes of every sample.

        embedding: (b, embedding channels). sizes: (rows, columns) that an "up" block has to reach, for each batch.
        """
        scale, shift = self._scale_and_shift(embedding)
        results = []
        for x, size in zip(batches, sizes, strict=True):
            h = self.conv_in(self._resampled(functional.silu(self.norm_in(x)), size))
            h = self._modulated(self.norm_out(h), scale, shift)
            h = self.conv_out(self.dropout(functional.silu(h)))
            results.append(self.skip(self._resampled(x, size)) + h)
        return results

    def _scale_and_shift(self, embedding: Tensor) -> Tensor:
        return rearrange(self.modulation(functional.silu(embedding)), "b (two c) -> two b c 1 1", two=2)

    def _modulated(self, x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        """x * (1 + scale) + shift, where x holds several planes of each sample."""
        planes = x.shape[0] // scale.shape[0]
        return torch.addcmul(shift.repeat(planes, 1, 1, 1), x, 1 + scale.repeat(planes, 1, 1, 1))

    def _resampled(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        if self.resample is None:
            return x
        return downsample(x) if self.resample == "down" else upsample(x, size)


class Attention(nn.Module):
    """x + self-attention(norm(x)) over positions.

    Args:
        channels: Of a position.
        heads: Attention heads.
        attend_text: Attention by the same queries to a text, (q, text) -> like q (`TextAttention`), if there is one.
    """

    def __init__(self, channels: int, heads: int, attend_text: nn.Module | None = None) -> None:
        super().__init__()
        self.heads = heads
        self.norm = GroupNorm32(channels)
        self.qkv = nn.Linear(channels, 3 * channels)
        self.out = zero(nn.Linear(channels, channels))
        self.attend_text = attend_text

    def forward(self, x: Tensor, text: object = None) -> Tensor:
        """x: (b, channels, n) -> like x; with a text, its tokens are attended to as well."""
        # Channels last: the fused attention kernels need those of a head next to each other in memory.
        qkv = self.qkv(rearrange(self.norm(x), "b c n -> b n c"))
        # Channels of the joint product are ordered (head, q/k/v, channel), as in the released weights.
        q, k, v = rearrange(qkv, "b n (k three c) -> three b k n c", k=self.heads, three=3)
        attended = attend(q, k, v)
        if text is not None:
            attended = attended + self.attend_text(q, text)
        return x + rearrange(self.out(rearrange(attended, "b k n c -> b n (k c)")), "b n c -> b c n")
