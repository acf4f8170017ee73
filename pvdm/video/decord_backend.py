"""Video files by decord, the fastest reader, for the files in which its seeking is exact."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np

from pvdm.video import pyav_backend
from pvdm.video.packets import packet_index


def available() -> bool:
    """decord has wheels for Linux on x86-64 and for Windows only."""
    return find_spec("decord") is not None


def read(path: Path, indices: np.ndarray) -> np.ndarray:
    """indices: increasing, in range -> (t, h, w, 3) uint8 RGB; `InputError` if one cannot be decoded.

    decord counts frames from an entry point on, which is wrong where that is not `clean` (B-frames in
    AVI or MPEG-4, H.264 recovery points). Such files, and those it cannot read (AV1), are left to PyAV.
    """
    index = packet_index(path)
    exact = index.pts is not None and index.clean
    frames = _read(path, indices, index.frames) if exact else None
    return pyav_backend.read(path, indices) if frames is None else frames


def _read(path: Path, indices: np.ndarray, expected: int) -> np.ndarray | None:
    """None if decord fails or finds another number of frames than expected."""
    import decord

    # Its decoder's complaints name no file; what matters of them is raised, by PyAV in the end.
    decord.logging.set_level(decord.logging.QUIET)
    try:
        reader = decord.VideoReader(str(path), num_threads=1)
        if len(reader) != expected:
            return None
        return reader.get_batch(indices.tolist()).asnumpy()
    except (RuntimeError, decord.DECORDError):
        return None
