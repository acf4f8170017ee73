"""An image file's pixels as they are shown: upright, opaque, 8 bits of red, green and blue."""

from __future__ import annotations

import struct
from contextlib import suppress

import numpy as np
from PIL import Image, ImageOps


def as_shown(image: Image.Image) -> np.ndarray:
    """(h, w, 3) uint8; transparency shows black. ValueError for pixels of unknown range, and Pillow's for damage."""
    image.load()
    with suppress(SyntaxError, ValueError, LookupError, TypeError, struct.error):  # tags that nobody can read
        image = ImageOps.exif_transpose(image)
    if image.mode == "F":
        raise ValueError("its pixels are floating-point numbers, whose range it does not tell")
    if image.mode.startswith("I"):
        return _from_deep_grey(np.asarray(image), image.info.get("transparency"))
    if not image.has_transparency_data:
        return np.asarray(image.convert("RGB"))
    image = image.convert("RGBA")
    return np.asarray(Image.alpha_composite(Image.new("RGBA", image.size, "black"), image).convert("RGB"))


def _from_deep_grey(grey: np.ndarray, transparent: int | None) -> np.ndarray:
    """grey: (h, w) integers of 16 bits, one of which may stand for transparency -> (h, w, 3) uint8."""
    grey = np.where(grey == transparent, 0, grey).clip(0, 0xFFFF).astype(np.uint32)
    return np.repeat(((grey + 128) // 257).astype(np.uint8)[..., None], 3, axis=-1)
