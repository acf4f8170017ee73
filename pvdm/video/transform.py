"""Frames of any size to clips of a wanted one: resized without distortion, then cropped."""

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from pvdm.errors import InputError

FRAMES_AT_ONCE = 16  # bounds the memory for large frames


def resize_and_crop(frames: np.ndarray, height: int, width: int, crop: tuple[float, float] = (0.5, 0.5)) -> Tensor:
    """Scales (antialiased, bilinear) until the frame just covers height x width, then crops.

    frames: (t, h, w, 3) uint8; crop: position in the free room, (y, x) in [0, 1], (0.5, 0.5) is the
    centre -> (3, t, height, width) uint8, contiguous. `InputError` if `crop` is outside.
    """
    if not all(0 <= position <= 1 for position in crop):
        raise InputError(f"the crop position is {tuple(crop)}; give (y, x) between 0 and 1")
    batches = torch.from_numpy(np.ascontiguousarray(frames)).movedim(-1, 1).split(FRAMES_AT_ONCE)
    cropped = [_crop(_cover(batch, height, width), height, width, crop) for batch in batches]
    return torch.cat(cropped).movedim(1, 0).contiguous()


def _cover(frames: Tensor, height: int, width: int) -> Tensor:
    """(t, 3, h, w) uint8 -> the same with h >= height and w >= width, one of them equal."""
    h, w = frames.shape[-2:]
    scale = max(height / h, width / w)
    size = (max(height, round(h * scale)), max(width, round(w * scale)))
    if size == (h, w):
        return frames
    return interpolate(frames, size=size, mode="bilinear", align_corners=False, antialias=True)


def _crop(frames: Tensor, height: int, width: int, crop: tuple[float, float]) -> Tensor:
    top = round(crop[0] * (frames.shape[-2] - height))
    left = round(crop[1] * (frames.shape[-1] - width))
    return frames[..., top : top + height, left : left + width]
