"""What keeps the border between two clips of a video unseen."""

from __future__ import annotations

import torch
from torch import Tensor


def faded(before: Tensor, clips: Tensor, frames: int) -> Tensor:
    """Clips whose first frame is no farther from the frame before than neighboring frames are from each other.

    A latent leaves out another part of each clip, so that where one ends, details jump. What a jump has above the mean
    frame difference on both sides is taken from the first frame, and fades out within `frames` frames.

    Args:
        before: The frames before (b, 3, n, h, w) uint8; at most `frames` + 1 are used.
        clips: What follows, (b, 3, t, h, w) uint8.
        frames: Length of the fade; 0 returns the clips as they are.
    """
    if not frames or not before.shape[2]:
        return clips
    ahead, behind = before[:, :, -frames - 1 :].float(), clips[:, :, : frames + 1].float()
    usual = torch.cat((_changes(ahead), _changes(behind)), dim=1)
    jump = behind[:, :, :1] - ahead[:, :, -1:]
    size = jump.abs().mean((1, 2, 3, 4))
    wanted = usual.mean(1) if usual.shape[1] else size
    excess = jump * (1 - wanted / size.clamp(min=1e-6)).clamp(min=0)[:, None, None, None, None]
    count = min(frames, clips.shape[2])
    weights = 1 - torch.arange(count, device=clips.device) / frames
    corrected = behind[:, :, :count] - excess * weights[:, None, None]
    return torch.cat((corrected.round().clamp(0, 255).to(clips.dtype), clips[:, :, count:]), dim=2)


def _changes(video: Tensor) -> Tensor:
    """Mean frame differences, (b, t - 1)."""
    return video.diff(dim=2).abs().mean((1, 3, 4))
