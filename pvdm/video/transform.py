"""Resizing without distortion, and cropping."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from pvdm.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

Pixels = TypeVar("Pixels", np.ndarray, "Tensor")
FRAMES_AT_ONCE = 16  # bounds the memory for large frames

logger = logging.getLogger(__name__)


def resize_and_crop(frames: np.ndarray, height: int, width: int, crop: tuple[float, float] = (0.5, 0.5)) -> Tensor:
    """Scales frames (bilinear, antialiased) until they just cover height x width, then crops.

    frames: (t, h, w, 3) uint8 or float32 -> (3, t, height, width) of that type, contiguous. crop: (y, x) in [0, 1] of
    the free space; (0.5, 0.5) is the center. `InputError` if it is out of range.
    """
    import torch

    check_crop(crop)
    size = covering_size(*frames.shape[1:3], height, width)
    batches = torch.from_numpy(np.ascontiguousarray(frames)).movedim(-1, 1).split(FRAMES_AT_ONCE)
    return torch.cat([cut(_scaled(batch, size), (height, width), crop).movedim(1, 0) for batch in batches], dim=1)


def check_crop(crop: tuple[float, float]) -> None:
    """InputError unless both positions are between 0 and 1."""
    if not all(0 <= position <= 1 for position in crop):
        raise InputError(f"the crop position is {tuple(crop)}", "give (y, x) between 0 and 1")


def covering_size(h: int, w: int, height: int, width: int) -> tuple[int, int]:
    """(h, w) scaled to be at least (height, width), with equality on one side."""
    scale = max(height / h, width / w)
    return max(height, round(h * scale)), max(width, round(w * scale))


def log_cut(what: object, own: tuple[int, int], size: tuple[int, int]) -> None:
    """Warns of how much of the edges is cut where a picture of (height, width) is to cover another shape."""
    for edges, whole, part in zip(("top and bottom", "left and right"), covering_size(*own, *size), size, strict=True):
        if whole > part:
            logger.warning("%s has another shape: %.0f %% is cut, %s", what, 100 * (1 - part / whole), edges)


def cut(pixels: Pixels, size: tuple[int, int], crop: tuple[float, float]) -> Pixels:
    """(..., h, w) -> (..., *size), a view; crop: see `resize_and_crop`."""
    top, left = (round(at * (whole - part)) for at, whole, part in zip(crop, pixels.shape[-2:], size, strict=True))
    return pixels[..., top : top + size[0], left : left + size[1]]


def _scaled(frames: Tensor, size: tuple[int, int]) -> Tensor:
    """(t, 3, h, w) uint8 or float32."""
    from torch.nn.functional import interpolate

    if size == frames.shape[-2:]:
        return frames
    return interpolate(frames, size=size, mode="bilinear", align_corners=False, antialias=True)
