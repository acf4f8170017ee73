"""Clips as PVDM's, TATS' and VideoGPT's FVD give them to I3D."""

from __future__ import annotations

import math

from torch import Tensor
from torch.nn import functional

from pvdm.video.pixels import to_float


def square(video: Tensor, size: int) -> Tensor:
    """The centre of clips (b, 3, t, h, w) uint8, any h and w -> (b, 3, t, size, size), float32 in [-1, 1].

    The shorter side is scaled to `size`, bilinearly and without a filter against aliasing, the longer one rounded up
    as the published code rounds it. Source: `preprocess_single` in evals/fvd/fvd.py of github.com/sihyun-yu/PVDM,
    which is VideoGPT's. TATS (tats/fvd/fvd.py of github.com/songweige/TATS) differs where h != w alone: it scales
    both sides to `size` and crops nothing.
    """
    height, width = scaled_size(*video.shape[-2:], size)
    frames = to_float(video.transpose(1, 2).flatten(0, 1))
    frames = functional.interpolate(frames, (height, width), mode="bilinear", align_corners=False)
    top, left = (height - size) // 2, (width - size) // 2
    frames = frames[..., top : top + size, left : left + size]
    return frames.unflatten(0, (video.shape[0], video.shape[2])).transpose(1, 2).contiguous()


def scaled_size(height: int, width: int, shorter: int) -> tuple[int, int]:
    """Height and width of which the smaller is `shorter`.

    Of a square the height is rounded up as well, and comes out one too large where the quotient is inexact (400 gives
    225 for 224), which is kept for parity.
    """
    scale = shorter / min(height, width)
    if height < width:
        return shorter, math.ceil(width * scale)
    return math.ceil(height * scale), shorter
