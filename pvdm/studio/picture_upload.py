"""Uploaded pictures, which may be anything: checked, decoded, and cut to the model's size."""

from __future__ import annotations

from io import BytesIO
from typing import NamedTuple

import numpy as np
from PIL import Image
from torch import Tensor

from pvdm.errors import InputError
from pvdm.video.decoding.frame_folder import DAMAGE, as_shown
from pvdm.video.transform import covering_size, resize_and_crop

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP")
REMEDY = f"give a picture as {', '.join(FORMATS[:-1])} or {FORMATS[-1]}"

MOST_ELONGATED = 16


class UploadedPicture(NamedTuple):
    """A picture as the model takes it.

    pixels: (3, h, w) uint8; size: (height, width) of the file; cut: what was cut off, in words.
    """

    pixels: Tensor
    size: tuple[int, int]
    cut: str


def read_upload(data: bytes, size: tuple[int, int], *, most_pixels: int) -> UploadedPicture:
    """The first frame of a picture file, scaled to cover (height, width) and cut around its center.

    InputError if it is none, is damaged, or has too many pixels, which is known before they are decoded.
    """
    try:
        with Image.open(BytesIO(data), formats=FORMATS) as image:
            if image.width * image.height > most_pixels:
                problem = f"the picture has {image.width}x{image.height} pixels"
                raise InputError(problem, f"give one of at most {most_pixels // 10**6} million")
            if max(image.size) > MOST_ELONGATED * min(image.size):  # it would be enormous once it covers the model's
                problem = f"the picture has {image.width}x{image.height} pixels"
                raise InputError(problem, f"give one whose sides differ by less than {MOST_ELONGATED} times")
            pixels = np.array(as_shown(image))  # a copy, which may be written to
    except DAMAGE as error:
        raise InputError("the file cannot be read as a picture", REMEDY) from error
    own = pixels.shape[:2]
    return UploadedPicture(resize_and_crop(pixels[None], *size)[:, 0], own, _cut(own, size))


def _cut(own: tuple[int, int], size: tuple[int, int]) -> str:
    """How much of which edges is cut off, in words; empty for nothing."""
    covering = covering_size(*own, *size)
    for edges, whole, part in zip(("top and bottom", "left and right"), covering, size, strict=True):
        if whole > part:
            return f"{100 * (1 - part / whole):.0f} % is cut, {edges}"
    return ""
