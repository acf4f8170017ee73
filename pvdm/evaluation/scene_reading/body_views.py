"""What the networks of scene reading are shown of a body: its track through a clip, and pictures around it."""

from __future__ import annotations

import torch
from torch import Tensor

GLANCES = (0, 5, 10, 15)
"""The frames of which pictures are shown."""

CROP, MARGIN = 32, 2.5
"""Pixels a side of a picture of a body, and half its extent in standard deviations of the body's pixels."""


def moments_of(masks: Tensor) -> Tensor:
    """(..., 5): x and y of the middle in [-1, 1], the standard deviations along both, and the share that is covered.

    All but the share are 0 where the mask is empty.

    masks: (..., h, w) float in [0, 1].
    """
    height, width = masks.shape[-2:]
    area = masks.sum((-2, -1))
    x, y = (2 * (torch.arange(n, device=masks.device) + 0.5) / n - 1 for n in (width, height))
    columns, rows = masks.sum(-2), masks.sum(-1)
    total = area.clamp(min=1e-3)
    across, along = (columns * x).sum(-1) / total, (rows * y).sum(-1) / total
    wide = ((columns * (x - across[..., None]) ** 2).sum(-1) / total).clamp(min=0).sqrt()
    tall = ((rows * (y - along[..., None]) ** 2).sum(-1) / total).clamp(min=0).sqrt()
    return torch.stack([across, along, wide, tall, area / (height * width)], dim=-1)


def track_of(masks: Tensor) -> Tensor:
    """(n, t, 11): place, logarithms of both extents, root of the area, their changes, and the share at the border.

    All are 0 where the mask is empty. Small changes are magnified, since a body that goes away moves by few pixels.

    masks: (n, t, h, w) float in [0, 1].
    """
    x, y, wide, tall, area = moments_of(masks).unbind(-1)
    seen = (area > 0).float()[..., None]
    rim = masks[..., [0, -1], :].sum((-2, -1)) + masks[..., [0, -1]].sum((-2, -1))
    extents = ((8 * extent + 0.05).log() for extent in (wide, tall))
    values = torch.stack([2 * x, 2 * y, *extents, 8 * area.sqrt()], dim=-1) * seen
    usual = values.sum(1, keepdim=True) / seen.sum(1, keepdim=True).clamp(min=1)
    changes = 2 * torch.asinh(8 * (values - usual)) * seen
    return torch.cat([values, changes, rim[..., None] / 16], dim=-1)


def glances_of(frames: Tensor, masks: Tensor) -> Tensor:
    """(n, 8, h, w): the gray of some frames in [-1, 1], and the masks in them.

    frames: (n, t, 3, h, w) float in [-1, 1]. masks: (n, t, h, w).
    """
    some = list(GLANCES)
    return torch.cat([frames[:, some].mean(2), masks[:, some]], dim=1)


def changed(glances: Tensor, track: Tensor, *, mirrored: bool, backwards: bool) -> tuple[Tensor, Tensor]:
    """What `glances_of` and `track_of` give of the same clip mirrored, or played backwards, or both."""
    if mirrored:
        signs = torch.ones(track.shape[-1], device=track.device)
        signs[[0, 5]] = -1  # x and its change
        glances, track = glances.flip(-1), track * signs
    if backwards:
        half = len(GLANCES)
        glances, track = torch.cat([glances[:, :half].flip(1), glances[:, half:].flip(1)], dim=1), track.flip(1)
    return glances, track


def crops_of(frames: Tensor, masks: Tensor) -> Tensor:
    """(n, 4, 32, 32): pictures around bodies, of equal extent by the body's, and the masks in them.

    frames: (n, 3, h, w) float in [-1, 1]. masks: (n, h, w).
    """
    x, y, wide, tall, _ = moments_of(masks).unbind(-1)
    half = MARGIN * torch.maximum(wide, tall).clamp(min=0.03)
    zero = torch.zeros_like(half)
    places = torch.stack([torch.stack([half, zero, x], -1), torch.stack([zero, half, y], -1)], dim=1)
    grid = torch.nn.functional.affine_grid(places, [len(frames), 4, CROP, CROP], align_corners=False)
    both = torch.cat([frames, masks[:, None]], dim=1)
    return torch.nn.functional.grid_sample(both, grid, align_corners=False, padding_mode="border")
