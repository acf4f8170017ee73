"""decord for plain video files: pixel for pixel the frames of PyAV, but damage goes unnoticed."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np

from pvdm.errors import InputError
from pvdm.video.decoding.packets import PacketIndex, undecodable
from pvdm.video.transform import resize_and_crop


def check_installed() -> None:
    """InputError unless decord can be imported."""
    if find_spec("decord") is None:
        raise InputError(
            "the reader decord is not installed",
            'pip install "pvdm[decord]", or choose the reader auto',
        )


def read(path: Path, indices: np.ndarray, index: PacketIndex) -> np.ndarray:
    """The frames at increasing indices, in range: (t, h, w, 3) uint8 RGB; `InputError` if one cannot be decoded."""
    check_installed()
    import decord

    decord.logging.set_level(decord.logging.QUIET)
    try:
        reader = decord.VideoReader(str(path), num_threads=1)
        if len(reader) != index.frames:
            raise undecodable(path, f"decord finds {len(reader)} frames in it instead of {index.frames}")
        return reader.get_batch(indices).asnumpy()
    except (RuntimeError, decord.DECORDError) as error:
        raise undecodable(path, str(error).strip().splitlines()[-1]) from error


def read_covering(
    path: Path, indices: np.ndarray, index: PacketIndex, size: tuple[int, int], crop: tuple[float, float]
) -> np.ndarray:
    """The same, scaled to cover `size` and cropped: (3, t, *size) uint8 RGB.

    decord's own scaling differs from PyAV's; this one agrees with it up to the rounding of colors.
    """
    return resize_and_crop(read(path, indices, index), *size, crop).numpy()
