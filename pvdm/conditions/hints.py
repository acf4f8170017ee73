"""Hints: clips of which some frames are given, at their times, and the others are interpolated between them."""

from __future__ import annotations

import torch
from torch import Tensor

from pvdm.video import to_float
from pvdm.video.pixels import as_pixels

REACH = 3
"""Frames from a given one at which `with_given` changes nothing any more."""


def hint_clip(video: Tensor, known: Tensor) -> Tensor:
    """Clips whose given frames stay and whose others are interpolated linearly in time, constant outside of them.

    Such a clip is one that the autoencoder knows: with one given frame a still, with two a blend. Other frames are not
    read. Black ones in their place would change every position of the latent, since each sees all frames.

    Args:
        video: (b, 3, t, h, w) uint8.
        known: (b, t) bool, the given frames; a sample without any becomes gray.

    Returns:
        Float in [-1, 1], like the video.
    """
    times = torch.arange(video.shape[2], device=video.device)
    known = known.to(video.device)
    before = torch.where(known, times, -1).cummax(1).values
    after = torch.where(known, times, len(times)).flip(1).cummin(1).values.flip(1)
    first, last = torch.where(before < 0, after, before), torch.where(after == len(times), before, after)
    share = (times - first) / (last - first).clamp(min=1)  # of the later frame; 0 where both are one
    is_hinted = known.any(1)[:, None, None, None, None]
    ends = [_frames(video, index.clamp(0, len(times) - 1)) for index in (first, last)]
    return torch.lerp(*ends, share[:, None, :, None, None].to(ends[0].dtype)) * is_hinted


def with_given(clips: Tensor, video: Tensor, known: Tensor) -> Tensor:
    """Clips with the given frames exactly, and what changes in these, fading, in their neighbors.

    Args:
        clips: (b, 3, t, h, w) uint8.
        video: (b, 3, t, h, w) or (1, ...) uint8, of which the given frames are read.
        known: (b, t) or (1, t) bool, the given frames.

    Returns:
        Like the clips.
    """
    times = torch.arange(clips.shape[2])
    distances = (times[:, None] - times).abs().expand(len(known), -1, -1)
    distance, nearest = distances.masked_fill(~known[:, None].cpu(), len(times) + REACH).min(2)
    share = (1 - distance / REACH).clamp(min=0).to(clips.device)
    change = (video.to(clips.device).float() - clips.float()).take_along_dim(
        nearest.to(clips.device)[:, None, :, None, None], dim=2
    )
    return as_pixels(clips.float() + share[:, None, :, None, None] * change, clips.dtype)


def _frames(video: Tensor, index: Tensor) -> Tensor:
    """The frames `index` (b, t) of each clip, as floats."""
    return to_float(torch.take_along_dim(video, index[:, None, :, None, None], dim=2))
