"""What keeps the border between two clips of a video unseen."""

from __future__ import annotations

import torch
from torch import Tensor

from pvdm.video.pixels import as_pixels


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
    return fade_from(before[:, :, -1:], clips, fade_share(before, clips, frames), frames)


def fade_share(before: Tensor, clips: Tensor, frames: int) -> Tensor:
    """The share of the jump between two clips that `faded` takes away, (b,) in [0, 1]; arguments as there."""
    ahead, behind = before[:, :, -frames - 1 :].float(), clips[:, :, : frames + 1].float()
    usual = torch.cat((_changes(ahead), _changes(behind)), dim=1)
    size = (behind[:, :, :1] - ahead[:, :, -1:]).abs().mean((1, 2, 3, 4))
    wanted = usual.mean(1) if usual.shape[1] else size
    return (1 - wanted / size.clamp(min=1e-6)).clamp(min=0)


def fade_from(last: Tensor, clips: Tensor, share: Tensor, frames: int) -> Tensor:
    """Clips without this share (b,) of their jump from the frame before, `last` (b, 3, 1, h, w) uint8; see `faded`."""
    excess = (clips[:, :, :1].float() - last.float()) * share[:, None, None, None, None]
    count = min(frames, clips.shape[2])
    weights = 1 - torch.arange(count, device=clips.device) / frames
    corrected = clips[:, :, :count].float() - excess * weights[:, None, None]
    return torch.cat((as_pixels(corrected, clips.dtype), clips[:, :, count:]), dim=2)


def _changes(video: Tensor) -> Tensor:
    """Mean frame differences, (b, t - 1)."""
    return video.diff(dim=2).abs().mean((1, 3, 4))
