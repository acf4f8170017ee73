"""Rotary positions (Su et al. 2021, arXiv 2104.09864) in the two forms that the released autoencoder uses."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor


class Rotation(NamedTuple):
    """Rotates neighboring channel pairs (a, b) of queries and keys to (a cos - b sin, b cos + a sin)."""

    cos: Tensor
    """(n, head_dim), one for each channel, since the angles within a pair may differ."""

    sin: Tensor
    """(n, head_dim), negated at the first channel of each pair."""

    @classmethod
    def of(cls, angles: Tensor) -> Rotation:
        """angles: (n, head_dim)."""
        sign = torch.tensor((-1.0, 1.0), device=angles.device).repeat(angles.shape[-1] // 2)
        return cls(angles.cos(), angles.sin() * sign)

    def __call__(self, x: Tensor) -> Tensor:
        """x: (..., n, head_dim), rotated by position."""
        swapped = x.unflatten(-1, (-1, 2)).flip(-1).flatten(-2)
        return torch.addcmul(x * self.cos.to(x.dtype), swapped, self.sin.to(x.dtype))


def time_rotation(frames: int, head_dim: int) -> Rotation:
    """The rotation by `time_angles`."""
    return Rotation.of(time_angles(frames, head_dim))


def space_rotation(height: int, width: int, head_dim: int) -> Rotation:
    """The rotation by `space_angles`."""
    return Rotation.of(space_angles(height, width, head_dim))


def time_angles(frames: int, head_dim: int, device: torch.device | None = None) -> Tensor:
    """(frames, head_dim): positions 0, 1, 2, ... at frequencies 10000^(-2i/d).

    The frequencies are laid out [f, f] although pairs are neighbors, as in the released network.
    """
    frequencies = 10000.0 ** (-torch.arange(0, head_dim, 2, device=device).float() / head_dim)
    angles = torch.arange(frames, device=device).float()[:, None] * frequencies
    return torch.cat((angles, angles), dim=-1)


def space_angles(height: int, width: int, head_dim: int, device: torch.device | None = None) -> Tensor:
    """(height * width, head_dim): positions linspace(-1, 1) on both axes at frequencies pi to 5 pi; h comes first."""
    frequencies = math.pi * torch.logspace(0, math.log2(5), head_dim // 4, base=2, device=device)
    rows = torch.linspace(-1, 1, height, device=device)[:, None] * frequencies
    columns = torch.linspace(-1, 1, width, device=device)[:, None] * frequencies
    grid = torch.cat(
        (rows[:, None].expand(-1, width, -1), columns[None].expand(height, -1, -1)),
        dim=-1,
    )
    return grid.flatten(0, 1).repeat_interleave(2, dim=-1)
