"""The figures of the demo: whether samples are recognizable, and long videos move, have no seams and do not fade."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

CELL = 4
"""Clips are compared in cells of so many pixels, so that sharpness does not matter."""


def frame_differences(video: Tensor) -> Tensor:
    """Mean absolute difference of each two consecutive frames of (3, t, h, w) uint8, in gray levels: (t - 1,)."""
    return (video[:, 1:].float() - video[:, :-1].float()).abs().mean((0, 2, 3))


def seam_ratios(video: Tensor, clip: int) -> dict[str, Any]:
    """How far a long video (3, t, h, w) uint8 jumps between its clips, of `clip` frames each.

    Returns:
        `differences` of consecutive frames in gray levels; `seams`, the mean at borders of clips over that within
        clips; `first_seam`, the difference at the first border over the mean within clips.
    """
    differences = frame_differences(video)
    is_border = torch.arange(1, len(differences) + 1) % clip == 0
    within = differences[~is_border].mean().clamp(min=1e-6)
    return {
        "differences": [round(value, 2) for value in differences.tolist()],
        "seams": (differences[is_border].mean() / within).item(),
        "first_seam": (differences[clip - 1] / within).item(),
    }


def windows(video: Tensor, frames: int) -> Tensor:
    """All runs of `frames` frames of (3, t, h, w) uint8, as rows of coarse pixels: (n, d) float32."""
    coarse = functional.avg_pool2d(video.transpose(0, 1).float(), min(CELL, *video.shape[-2:]))
    return coarse.unfold(0, frames, 1).flatten(1) if len(coarse) >= frames else coarse.new_zeros(0, 1)


def nearest_scenes(samples: Tensor, real: Mapping[str, Tensor]) -> dict[str, Any]:
    """To which real video each sample (n, 3, t, h, w) uint8 is nearest.

    Distances are root mean squares over all coarse pixels of a clip, in gray levels, to the nearest run of frames of a
    video. A mixture of two scenes is at least half as far from each of them as they are from each other.

    Returns:
        `scenes` and `distances` of the samples; `apart`, the smallest distance between clips of different videos, None
        of a single video; and `recognized`, the share of samples at less than half of that from their scene.
    """
    frames = samples.shape[2]
    rows = {name: windows(video, frames) for name, video in real.items() if video.shape[1] >= frames}
    names, mine = list(rows), torch.cat([windows(sample, frames) for sample in samples])
    distances = torch.stack([_distances(mine, rows[name]).amin(1) for name in names], dim=1)
    pairs = [(rows[a], rows[b]) for place, a in enumerate(names) for b in names[:place]]
    apart = min((_distances(*pair).min().item() for pair in pairs), default=None)
    nearest, scene = distances.min(1)
    return {
        "scenes": [names[place] for place in scene.tolist()],
        "distances": [round(value, 2) for value in nearest.tolist()],
        "apart": apart,
        "recognized": None if apart is None else (nearest < apart / 2).float().mean().item(),
    }


def _distances(one: Tensor, other: Tensor) -> Tensor:
    """Root mean square differences of rows (n, d) and (m, d): (n, m)."""
    return torch.cdist(one, other, compute_mode="donot_use_mm_for_euclid_dist") / one.shape[1] ** 0.5


def drift(video: Tensor, real: Mapping[str, Tensor], clip: int) -> dict[str, float]:
    """Motion and contrast of a long video (3, t, h, w) uint8 relative to the real clips that its clips are nearest to.

    Returns:
        `motion`: mean difference of consecutive frames within clips, over that of the nearest real clips; `contrast`:
        standard deviation of the last clip's pixels over that of the nearest real one.
    """
    runs = [run for whole in real.values() for run in whole.unfold(1, clip, 1).permute(1, 0, 4, 2, 3)]
    rows = torch.cat([windows(run, clip) for run in runs])
    mine = [part for part in video.split(clip, dim=1) if part.shape[1] == clip]
    nearest = [runs[_distances(windows(part, clip), rows).argmin()] for part in mine]
    moved, wanted = (
        torch.stack([frame_differences(part).mean() for part in parts]).mean() for parts in (mine, nearest)
    )
    contrast = mine[-1].float().std() / nearest[-1].float().std().clamp(min=1e-6)
    return {"motion": (moved / wanted.clamp(min=1e-6)).item(), "contrast": contrast.item()}


def block_energy(videos: Sequence[Tensor], originals: Sequence[Tensor], patch: int) -> float:
    """How visible the borders of patches are: 1 is as in the originals, more is a grid. Videos (3, t, h, w) uint8.

    The energy of differences of neighboring pixels across borders over that inside patches, divided by the same of the
    originals.
    """
    return _border_ratio(videos, patch) / _border_ratio(originals, patch)


def _border_ratio(videos: Sequence[Tensor], patch: int) -> float:
    across, inside = [], []
    for axis in (2, 3):
        energy = torch.stack([video.float().diff(dim=axis).square().mean((0, 1, 5 - axis)) for video in videos]).mean(0)
        is_border = torch.arange(1, len(energy) + 1) % patch == 0
        across.append(energy[is_border].mean())
        inside.append(energy[~is_border].mean())
    return (sum(across) / sum(inside)).item()
