"""Scales frames to the size of a protocol, with the filter that its published code uses."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from io import BytesIO
from typing import Any, Literal

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate

from pvdm.video import resize_and_crop

Filter = Literal["bilinear", "antialiased", "lanczos"]
FRAMES_AT_ONCE = 16  # bounds the memory for large frames


@dataclass(frozen=True)
class Scaling:
    """How the frames of every clip are scaled.

    Args:
        size: (height, width) in pixels: frames are scaled to cover it and cropped at the center; None keeps their size.
        resize: "lanczos" is Pillow's, as StyleGAN-V prepares its data sets; "bilinear" is that of the published codes
            (without antialiasing, on floats); "antialiased" is bilinear as in training.
        jpeg_quality: Quality of the JPEG that scaled frames are stored as; None for none.
    """

    size: tuple[int, int] | None = None
    resize: Filter = "antialiased"
    jpeg_quality: int | None = None

    def __call__(self, frames: np.ndarray) -> Tensor:
        """(t, h, w, 3) uint8 -> (3, t, height, width) uint8, contiguous."""
        if self.size in (None, frames.shape[1:3]):
            return torch.from_numpy(np.ascontiguousarray(frames)).movedim(-1, 0).contiguous()
        filters = {"lanczos": _lanczos, "bilinear": _bilinear, "antialiased": _antialiased}
        scaled = filters[self.resize](frames, self.size)
        return self(scaled if self.jpeg_quality is None else _through_jpeg(scaled, self.jpeg_quality))

    def describe(self) -> dict[str, Any]:
        """The record for the result, JSON-able."""
        return {**asdict(self), "size": self.size and list(self.size)}


def _lanczos(frames: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """As src/scripts/convert_videos_to_frames.py of universome/stylegan-v."""
    return np.stack([np.asarray(center_crop(cover(Image.fromarray(frame), size), size)) for frame in frames])


def _antialiased(frames: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return resize_and_crop(frames, *size).movedim(0, -1).numpy()


def _bilinear(frames: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Bilinear without antialiasing; pixels are rounded to the nearest integer."""
    (height, width), (h, w) = size, frames.shape[1:3]
    scale = max(height / h, width / w)
    scaled = (max(height, round(h * scale)), max(width, round(w * scale)))
    top, left = round((scaled[0] - height) / 2), round((scaled[1] - width) / 2)
    batches = torch.from_numpy(np.ascontiguousarray(frames)).movedim(-1, 1).split(FRAMES_AT_ONCE)
    pixels = [interpolate(batch.float(), size=scaled, mode="bilinear", align_corners=False) for batch in batches]
    cropped = [batch[..., top : top + height, left : left + width].round().byte() for batch in pixels]
    return torch.cat(cropped).movedim(1, -1).numpy()


def cover(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The picture scaled by Lanczos until it just covers size (height, width); the longer side is rounded down."""
    (height, width), (w, h) = size, picture.size
    by_height = height * w >= width * h  # whether the height is the side that fits exactly
    scaled = (height * w // h, height) if by_height else (width, width * h // w)
    return picture if scaled == picture.size else picture.resize(scaled, Image.Resampling.LANCZOS)


def center_crop(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The center (height, width) of a picture that covers it; half pixels are rounded to even."""
    (height, width), (w, h) = size, picture.size
    top, left = round((h - height) / 2), round((w - width) / 2)
    return picture.crop((left, top, left + width, top + height))


def _through_jpeg(frames: np.ndarray, quality: int) -> np.ndarray:
    """(t, h, w, 3) uint8, each frame compressed as JPEG and decoded again."""
    return np.stack([np.asarray(_jpeg(Image.fromarray(frame), quality)) for frame in frames])


def _jpeg(picture: Image.Image, quality: int) -> Image.Image:
    """The picture after Pillow has written and read it as JPEG."""
    file = BytesIO()
    picture.save(file, "jpeg", quality=quality)
    return Image.open(file).convert("RGB")
