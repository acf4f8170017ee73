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
    batches = torch.from_numpy(np.ascontiguousarray(frames)).movedim(-1, 1).split(FRAMES_AT_ONCE)
    size = covering_size(*frames.shape[1:3], height, width)
    return cut_out([_scaled(batch, size) for batch in batches], height, width, crop)


def covering_size(h: int, w: int, height: int, width: int) -> tuple[int, int]:
    """(h, w) scaled to be at least (height, width), one of them equal."""
    scale = max(height / h, width / w)
    return max(height, round(h * scale)), max(width, round(w * scale))


def cut_out(batches: list[Tensor], height: int, width: int, crop: tuple[float, float]) -> Tensor:
    """(t, 3, h, w) in parts -> (3, t, height, width), contiguous; crop as for `resize_and_crop`."""
    if not all(0 <= position <= 1 for position in crop):
        raise InputError(f"the crop position is {tuple(crop)}; give (y, x) between 0 and 1")
    top = round(crop[0] * (batches[0].shape[-2] - height))
    left = round(crop[1] * (batches[0].shape[-1] - width))
    cropped = [batch[..., top : top + height, left : left + width].movedim(1, 0) for batch in batches]
    return torch.cat(cropped, dim=1) if len(cropped) > 1 else cropped[0].contiguous()


def _scaled(frames: Tensor, size: tuple[int, int]) -> Tensor:
    """(t, 3, h, w) uint8."""
    if size == frames.shape[-2:]:
        return frames
    return interpolate(frames, size=size, mode="bilinear", align_corners=False, antialias=True)
