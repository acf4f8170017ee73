"""How near reconstructions are: the measures of validation in stage 1."""

from __future__ import annotations

import torch
from torch import Tensor
from torchmetrics.functional.image import structural_similarity_index_measure


def psnr(found: Tensor, wanted: Tensor) -> Tensor:
    """Peak signal to noise ratio of each clip (b, ...) in [-1, 1], in dB: (b,)."""
    error = (found.clamp(-1, 1) - wanted).square().flatten(1).mean(1)
    return 10 * torch.log10(4 / error.clamp(min=1e-10))


def ssim(found: Tensor, wanted: Tensor) -> Tensor:
    """Structural similarity, the mean of all frames of clips (b, 3, t, h, w) in [-1, 1]: a scalar."""
    with torch.autocast(found.device.type, enabled=False):  # its variances would be lost in bf16
        return structural_similarity_index_measure(_frames(found), _frames(wanted), data_range=(-1.0, 1.0))


def _frames(video: Tensor) -> Tensor:
    """(b, 3, t, h, w) -> (b * t, 3, h, w), clamped to [-1, 1]."""
    return video.float().transpose(1, 2).flatten(0, 1).clamp(-1, 1)
