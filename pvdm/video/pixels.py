"""The one place where pixels change between uint8 (files, loaders, metrics) and floats (models)."""

from torch import Tensor


def to_float(video: Tensor) -> Tensor:
    """uint8 of any layout -> float32 in [-1, 1], the same layout."""
    return video.float() / 127.5 - 1


def to_uint8(video: Tensor) -> Tensor:
    """Floats in [-1, 1], any layout -> uint8, rounded to the nearest; values outside are clamped."""
    return (video.float() * 127.5 + 127.5).clamp(0, 255).round().byte()
