"""Blurred clips: small ones scaled up, and in training those that look like it; the hints of upscaling."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from pvdm.video.pixels import as_pixels
from pvdm.video.transform import covering_size, cut

CENTER = (0.5, 0.5)


def enlarged(video: Tensor, size: tuple[int, int]) -> Tensor:
    """A small video scaled up until it covers (height, width), bicubic, and cut to its center.

    Args:
        video: (3, t, h, w) uint8.
        size: (height, width) in pixels.

    Returns:
        (3, t, height, width) uint8.
    """
    scaled = _scaled(video.float(), covering_size(*video.shape[2:], *size))
    return cut(as_pixels(scaled, video.dtype), size, CENTER)


def blurred(clips: Tensor, factors: Sequence[float]) -> Tensor:
    """Clips scaled down and up again, bicubic and antialiased: what `enlarged` makes of small ones.

    Args:
        clips: (b, 3, t, h, w) uint8.
        factors: Of each clip, by how much; 1 leaves it as it is.

    Returns:
        Like the clips.
    """
    pairs = zip(clips, factors, strict=True)
    return torch.stack(
        [clip if factor == 1 else as_pixels(_smoothed(clip, factor), clip.dtype) for clip, factor in pairs]
    )


def with_blur_of(clips: Tensor, given: Tensor, factor: float) -> Tensor:
    """Clips whose coarse content is that of given blurred ones, and whose details stay.

    Args:
        clips: (b, 3, t, h, w) uint8.
        given: The same of clips that were enlarged.
        factor: By how much.

    Returns:
        Like the clips.
    """
    given = given.to(clips.device).float()
    pairs = zip(clips, given, strict=True)
    return torch.stack(
        [as_pixels(clip.float() - _smoothed(clip, factor) + wanted, clips.dtype) for clip, wanted in pairs]
    )


def _smoothed(clip: Tensor, factor: float) -> Tensor:
    """(3, t, h, w) uint8 -> float, 0 to 255 and a little beyond; small clips are rounded, as files are."""
    height, width = clip.shape[2:]
    size = max(1, round(height / factor)), max(1, round(width / factor))
    small = as_pixels(_scaled(clip.float(), size), clip.dtype)
    return _scaled(small.float(), (height, width))


def _scaled(clip: Tensor, size: tuple[int, int]) -> Tensor:
    return functional.interpolate(clip, size=size, mode="bicubic", align_corners=False, antialias=True)
