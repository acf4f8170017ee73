"""Conversion of pixels between uint8 (files, loaders, metrics) and floats (models), in this one place."""

import torch
from torch import Tensor

from pvdm.errors import ArgumentError

REMEDY = (
    "convert floats in [0, 1] by (255 * video).round().to(torch.uint8), and floats in [-1, 1] by "
    "pvdm.video.to_uint8(video)"
)


def to_float(video: Tensor) -> Tensor:
    """uint8 of any layout -> float32 in [-1, 1], the same layout; ArgumentError for another type."""
    if video.dtype != torch.uint8:
        raise ArgumentError(f"to_float was given {video.dtype}", f"give uint8, 0 to 255: {REMEDY}")
    return video.float() / 127.5 - 1


def to_uint8(video: Tensor) -> Tensor:
    """Floats in [-1, 1], any layout -> uint8, rounded to the nearest; values outside are clamped.

    ArgumentError for integers, where 0 would be gray and every other value black or white.
    """
    if not video.is_floating_point():
        raise ArgumentError(
            f"to_uint8 was given {video.dtype}",
            "give floats in [-1, 1]",
        )
    return (video.float() * 127.5 + 127.5).clamp(0, 255).round().byte()


def check_pixels(video: Tensor, layout: str, *, what: str) -> None:
    """ArgumentError unless a video is uint8 and has this layout, such as "b 3 t h w", where 3 is the axis of RGB."""
    axes, expected = layout.split(), f"uint8 ({', '.join(layout.split())})"
    if not isinstance(video, Tensor):
        raise ArgumentError(f"{what} is a {type(video).__name__}", f"give a tensor of {expected}")
    given = f"{what} is {video.dtype} {tuple(video.shape)}"
    if video.dtype != torch.uint8:
        raise ArgumentError(given, f"give {expected}, 0 to 255: {REMEDY}")
    if video.ndim != len(axes) or video.shape[axes.index("3")] != 3:
        raise ArgumentError(given, f"give {expected}, its axes in this order")
