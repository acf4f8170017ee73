"""Writing image series: `.npy`, `.npz` and TIFF stacks in the type and range of their values."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image

from pvdm.errors import InputError
from pvdm.video.series.series_file import ARRAY
from pvdm.video.series.stored_values import StoredValues
from pvdm.video.suffixes import SERIES_SUFFIXES, TIFF_SUFFIXES

IN_TIFF = ("uint8", "uint16", "int32", "float32")
"""Types of the pages that Pillow writes in gray; in color it writes the first alone."""


class SeriesEncoder:
    """Collects the frames of a video and writes them when it is closed, since these formats begin with their number.

    Its arguments are those of the other encoders, and how the values are stored.
    """

    def __init__(self, target: Path, fps: float, *, values: StoredValues, suffix: str) -> None:
        self._target, self._fps, self._values, self._suffix = target, fps, values, suffix
        self._frames: list[np.ndarray] = []
        if suffix in TIFF_SUFFIXES and values.dtype not in (IN_TIFF if values.grey else IN_TIFF[:1]):
            color = "gray" if values.grey else "color"
            problem = f"TIFF stacks of {color} in {values.dtype} cannot be written"
            raise InputError(problem, f"choose a name in {' or '.join(SERIES_SUFFIXES[:2])}")
        target.touch(exist_ok=False)

    def write(self, frame: np.ndarray) -> None:
        """frame: (h, w, 3) uint8 or float32."""
        self._frames.append(self._values.from_pixels(frame))

    def close(self) -> None:
        """Writes the file; without frames it stays empty."""
        if not self._frames:
            return
        stack, span = np.stack(self._frames), [self._values.low, self._values.high]
        if self._suffix in TIFF_SUFFIXES:
            first, *others = map(Image.fromarray, stack)
            said = json.dumps({"value_range": span, "fps": self._fps})
            first.save(self._target, format="TIFF", save_all=True, append_images=others, description=said)
            return
        with self._target.open("wb") as file:
            if self._suffix == ".npy":
                np.save(file, stack)
            else:
                np.savez_compressed(file, **{ARRAY: stack}, value_range=span, fps=self._fps)
