"""Conversion of pixels between uint8 (files, loaders, metrics) and floats (models), in this one place.

Pixels of image series (`pvdm.video.series`) are float32 on the scale of uint8, 0 to 255, with fractions.
"""

import torch
from torch import Tensor

from pvdm.errors import ArgumentError

REMEDY = (
    "convert floats in [0, 1] by (255 * video).round().to(torch.uint8), and floats in [-1, 1] by "
    "pvdm.video.to_uint8(video)"
)


def to_float(video: Tensor) -> Tensor:
    """uint8, or float32 from 0 to 255, of any layout -> float32 in [-1, 1], the same layout.

    ArgumentError for another type, and on the CPU for floats of another range.
    """
    if not are_pixels(video):
        raise ArgumentError(f"to_float was given {video.dtype}", f"give uint8, 0 to 255: {REMEDY}")
    return video.float() / 127.5 - 1


def to_pixels(video: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """Floats in [-1, 1] -> pixels of this type, see `as_pixels`."""
    return as_pixels(video.float() * 127.5 + 127.5, dtype)


def as_pixels(video: Tensor, dtype: torch.dtype) -> Tensor:
    """Floats from 0 to 255 -> uint8, rounded to the nearest, or float32; values outside are clamped."""
    if video.dtype == dtype == torch.uint8:
        return video
    clamped = video.float().clamp(0, 255)
    return clamped.round().byte() if dtype == torch.uint8 else clamped


def to_uint8(video: Tensor) -> Tensor:
    """Floats in [-1, 1], any layout -> uint8, rounded to the nearest; values outside are clamped.

    ArgumentError for integers, where 0 would be gray and every other value black or white.
    """
    if not video.is_floating_point():
        raise ArgumentError(
            f"to_uint8 was given {video.dtype}",
            "give floats in [-1, 1]",
        )
    return to_pixels(video, torch.uint8)


def check_pixels(video: Tensor, layout: str, *, what: str) -> None:
    """ArgumentError unless a video is uint8, or float32 from 0 to 255, and has this layout, such as "b 3 t h w".

    3 is the axis of RGB.
    """
    axes, expected = layout.split(), f"uint8 ({', '.join(layout.split())})"
    if not isinstance(video, Tensor):
        raise ArgumentError(f"{what} is a {type(video).__name__}", f"give a tensor of {expected}")
    given = f"{what} is {video.dtype} {tuple(video.shape)}"
    if not are_pixels(video):
        raise ArgumentError(given, f"give {expected}, 0 to 255: {REMEDY}")
    if video.ndim != len(axes) or video.shape[axes.index("3")] != 3:
        raise ArgumentError(given, f"give {expected}, its axes in this order")


def are_pixels(video: Tensor) -> bool:
    """Whether a video is uint8, or float32 that can be on its scale: floats in [0, 1] or [-1, 1] are a mistake.

    Those on a GPU are not looked at, for that would wait for it.
    """
    if video.dtype != torch.float32 or video.is_cuda or not video.numel():
        return video.dtype in (torch.uint8, torch.float32)
    low, high = video.aminmax()
    return bool(low >= 0 and (1 < high <= 255 or high == 0))
