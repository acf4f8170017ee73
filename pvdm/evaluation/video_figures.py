"""Plain figures of videos: frame differences, flicker, the jumps at clip borders, the grid of patches."""

from __future__ import annotations

import torch
from torch import Tensor


def frame_difference(video: Tensor) -> Tensor:
    """Mean |v[t + 1] - v[t]| of each video (b, 3, t, h, w) uint8, in grey levels of 255: (b,) float64."""
    return _differences(video).mean(1)


def second_difference(video: Tensor) -> Tensor:
    """Mean |v[t - 1] - 2 v[t] + v[t + 1]|, in grey levels: (b,) float64; video: (b, 3, t, h, w) uint8, t at least 3."""
    return video.double().diff(n=2, dim=2).abs().mean((1, 2, 3, 4))


def seams(video: Tensor, clip: int) -> float:
    """Mean frame difference across clip borders over that within clips: 1 if an extension leaves no trace.

    video: (b, 3, t, h, w) uint8 of clips of `clip` frames each.
    """
    differences = _differences(video)
    is_border = torch.arange(1, video.shape[2]) % clip == 0
    return float(differences[:, is_border].mean() / differences[:, ~is_border].mean())


def grid(video: Tensor, patch: int) -> float:
    """Energy of the differences of neighboring pixels across the borders of patches over that within patches.

    About 1 for real videos. video: (b, 3, t, h, w) uint8; patch: height and width of a patch, in pixels.
    """
    across, within = [], []
    for axis in (-2, -1):
        energy = video.double().diff(dim=axis).square().transpose(axis, -1).flatten(0, -2).mean(0)
        is_border = torch.arange(1, video.shape[axis]) % patch == 0
        across.append(energy[is_border])
        within.append(energy[~is_border])
    return float(torch.cat(across).mean() / torch.cat(within).mean())


def _differences(video: Tensor) -> Tensor:
    """(b, t - 1) float64."""
    return video.double().diff(dim=2).abs().mean((1, 3, 4))
