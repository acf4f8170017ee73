"""Frames of a video, whether it is a file or a folder of images."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pvdm.errors import InputError
from pvdm.video import decord_backend, frame_folder, packets, pyav_backend
from pvdm.video.info import VIDEO_SUFFIXES, VideoInfo


def probe(path: str | Path) -> VideoInfo:
    """Frames, size and frame rate of a video file or a folder of frames; `InputError` if unreadable.

    The number of frames is what is in the file, not what its header promises, whichever backend reads.
    """
    path = _existing(path)
    return frame_folder.probe(path) if path.is_dir() else pyav_backend.probe(path)


def read_frames(path: str | Path, indices: Sequence[int] | np.ndarray) -> np.ndarray:
    """The frames at `indices` (any order, repeats allowed) -> (t, h, w, 3) uint8 RGB.

    `InputError` if the path is unreadable or an index is not in [0, frames).
    """
    path = _existing(path)
    wanted, order = np.unique(np.asarray(indices, dtype=np.int64), return_inverse=True)
    _check_range(path, wanted)
    frames = _backend(path).read(path, wanted)
    return frames if len(wanted) == len(order) and (np.diff(order) > 0).all() else frames[order]


def _backend(path: Path):
    """The module whose `read(path, indices)` is to be used."""
    if path.is_dir():
        return frame_folder
    return decord_backend if decord_backend.available() else pyav_backend


def _existing(path: str | Path) -> Path:
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path} does not exist; give a video file or a folder of frames")
    if path.is_file() and path.suffix.lower() not in VIDEO_SUFFIXES:
        supported = ", ".join(VIDEO_SUFFIXES)
        raise InputError(f"{path} is not a video file; give one of {supported} or a folder of frames")
    return path


def _check_range(path: Path, indices: np.ndarray) -> None:
    if not len(indices):
        raise InputError(f"no frame of {path} was asked for; give at least one index")
    frames = len(frame_folder.frame_paths(path)) if path.is_dir() else packets.packet_index(path).frames
    outside = indices[(indices < 0) | (indices >= frames)]
    if len(outside):
        raise InputError(
            f"frame {outside[0]} of {path} was asked for, which has {frames} frames; ask for frames 0 to {frames - 1}"
        )
