"""Learned position embeddings for another size, by interpolation."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from einops import rearrange
from torch import Tensor
from torch.nn import functional

from pvdm.autoencoder.triplane import TriplaneShape

Grid = tuple[int, int]
"""Rows and columns."""


def resize_line(position: Tensor, length: int) -> Tensor:
    """Positions along an axis and that of the summary, which stays: (n + 1, channels) -> (length + 1, channels).

    The first and the last position stay, too, since a projection reads its result at the first.
    """
    *_, summary = position
    line = rearrange(position[:-1].float(), "n c -> 1 c n")
    if line.shape[2] == 1:
        resized = line.expand(-1, -1, length)
    else:
        resized = functional.interpolate(line, size=length, mode="linear", align_corners=True)
    return torch.cat([rearrange(resized, "1 c n -> n c").to(position.dtype), summary[None]])


def resize_grids(position: Tensor, there: Sequence[Grid], here: Sequence[Grid]) -> Tensor:
    """Positions of planes, one plane after another and row by row, each resized from a grid `there` to one `here`.

    position: (n, channels) -> (m, channels), where n and m are the areas of all grids. The planes cover the same
    picture, as in a clip at another resolution.
    """
    planes = position.float().split([rows * columns for rows, columns in there])
    return torch.cat([_resized(*sizes) for sizes in zip(planes, there, here, strict=True)]).to(position.dtype)


def grids(shape: TriplaneShape, frame_patch: int) -> list[Grid]:
    """The grids of positions of a network whose motion planes have `frame_patch` frames in a position."""
    frames = shape.t // frame_patch
    return [(shape.h, shape.w), (frames, shape.w), (frames, shape.h)]


def _resized(plane: Tensor, there: Grid, here: Grid) -> Tensor:
    if there == here:
        return plane
    picture = rearrange(plane, "(h w) c -> 1 c h w", h=there[0])
    resized = functional.interpolate(picture, size=here, mode="bilinear", antialias=True, align_corners=False)
    return rearrange(resized, "1 c h w -> (h w) c")
