"""Image series in files: `.npy`, `.npz`, and TIFF stacks of gray or color, with axes T, H, W and perhaps C."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pvdm.errors import InputError
from pvdm.video.info import VideoInfo
from pvdm.video.series.stored_values import StoredValues
from pvdm.video.suffixes import TIFF_SUFFIXES

ARRAY = "video"
"""Name of the frames in the .npz files that are written here."""
FACTS = ("value_range", "fps")
"""What .npz files and the description of TIFF stacks may say beside the frames."""
DESCRIPTION = 270
"""The tag ImageDescription of TIFF."""
AT_ONCE = 64
"""Frames whose smallest and largest value are sought together."""
SMALLEST_SIDE = 8
"""Pixels; arrays of less, such as the poses of a camera, are no pictures."""
REMEDY = "give frames of one size with axes (time, height, width), or (time, height, width, 3) for color"


class Series:
    """An open image series: its frames, read when they are asked for, and what the file says of them.

    shape: (t, h, w), or (t, h, w, 3) for color; facts: those of `FACTS` that the file holds.
    """

    def __init__(self, path: Path, frames: Any, facts: Mapping[str, Any]) -> None:
        self.path, self._frames, self.facts = path, frames, facts
        shape = tuple(frames.shape)
        self.has_channel = len(shape) == 4 and shape[3] == 1
        self.shape = shape[:3] if self.has_channel else shape
        if frames.dtype.kind not in "uif":
            raise InputError(f"{path} holds values of type {frames.dtype}", "give whole or real numbers")
        if not (len(self.shape) == 3 or (len(self.shape) == 4 and self.shape[3] == 3)) or min(shape) < 1:
            raise InputError(f"{path} holds an array of shape {shape}", REMEDY)
        if min(self.shape[1:3]) < SMALLEST_SIDE:
            problem = f"{path} holds an array of shape {shape}, whose pictures have sides below {SMALLEST_SIDE}"
            raise InputError(problem, REMEDY)

    def read(self, indices: np.ndarray) -> np.ndarray:
        """Frames at the indices: (n, h, w) or (n, h, w, 3); InputError for values that are not finite."""
        values = np.asarray(self._frames[indices])
        values = values[..., 0] if self.has_channel else values
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            raise InputError(f"{self.path} holds values that are not finite", "replace them, or leave the file out")
        return values

    def values(self) -> StoredValues:
        """Type and range: the range that the file says, or 0 to 255 of uint8, or the smallest and largest value."""
        dtype, grey = np.dtype(self._frames.dtype).newbyteorder("="), len(self.shape) == 3
        if "value_range" in self.facts:
            low, high = map(float, self.facts["value_range"])
            return StoredValues(dtype.name, grey=grey).with_range(low, high)
        if dtype == np.uint8:
            return StoredValues("uint8", 0, 255, grey)
        parts = np.array_split(np.arange(self.shape[0]), -(-self.shape[0] // AT_ONCE))
        ends = [(float(found.min()), float(found.max())) for found in map(self.read, parts)]
        low, high = min(low for low, _ in ends), max(high for _, high in ends)
        return StoredValues(dtype.name, low, high if high > low else low + 1, grey)


class TiffStack:
    """The pages of a TIFF file as an array that is indexed by their numbers."""

    def __init__(self, image: Image.Image) -> None:
        self._image = image
        first = self._page(0)
        self.dtype, self.shape = first.dtype, (image.n_frames, *first.shape)

    def __getitem__(self, indices: np.ndarray) -> np.ndarray:
        pages = [self._page(int(index)) for index in indices]
        if any(page.shape != pages[0].shape or page.shape != self.shape[1:] for page in pages):
            raise InputError(f"{self._image.filename} has pages of several sizes", REMEDY)
        return np.stack(pages)

    def _page(self, index: int) -> np.ndarray:
        self._image.seek(index)
        return np.asarray(self._image)


@contextmanager
def opened(path: Path) -> Iterator[Series]:
    """An image series; InputError if it holds none, errors of NumPy and Pillow if it is damaged."""
    suffix = path.suffix.lower()
    if suffix == ".npy":
        yield Series(path, np.load(path, mmap_mode="r", allow_pickle=False), {})
    elif suffix == ".npz":
        with np.load(path, allow_pickle=False) as arrays:
            names = [name for name in arrays.files if name not in FACTS]
            if len(names) != 1 and ARRAY not in names:
                raise InputError(f"{path} holds {len(names)} arrays", f"give one, or name that of the frames {ARRAY}")
            facts = {name: arrays[name].tolist() for name in FACTS if name in arrays.files}
            yield Series(path, arrays[ARRAY if ARRAY in names else names[0]], facts)
    else:
        with Image.open(path) as image:
            if image.n_frames < 2:
                raise InputError(f"{path} holds a single picture", "give a stack, or a folder of frames")
            yield Series(path, TiffStack(image), _description(image))


def probe(path: Path) -> VideoInfo:
    """What is known of a series; its frame rate is None if the file does not say it."""
    with opened(path) as series:
        frames, height, width = series.shape[:3]
        fps = series.facts.get("fps")
        return VideoInfo(frames, height, width, None if fps is None else float(fps), series.values().pack())


def read(path: Path, indices: np.ndarray, values: StoredValues) -> np.ndarray:
    """The frames at increasing indices, in range, as pixels (t, h, w, 3) of `StoredValues`."""
    with opened(path) as series:
        return values.to_pixels(series.read(indices))


def is_stack(path: Path) -> bool:
    """Whether a TIFF file holds several pages; False if it cannot be read."""
    try:
        with Image.open(path) as image:
            return path.suffix.lower() in TIFF_SUFFIXES and image.n_frames > 1
    except (OSError, SyntaxError, ValueError, AttributeError):
        return False


def _description(image: Image.Image) -> dict[str, Any]:
    """The facts in the description of a TIFF stack that was written here; none of any other."""
    try:
        said = json.loads(image.tag_v2.get(DESCRIPTION, ""))
        return {name: said[name] for name in FACTS if said.get(name) is not None}
    except (ValueError, AttributeError, TypeError):
        return {}
