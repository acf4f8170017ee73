"""Reading frames of a video, whether it is a file or a folder of images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Literal

import numpy as np

from pvdm.errors import InputError
from pvdm.video.decoding import decord as decord_reading
from pvdm.video.decoding import frame_folder
from pvdm.video.decoding import pyav as decoding
from pvdm.video.decoding.damage import naming_the_file
from pvdm.video.decoding.packets import PacketIndex, packet_index
from pvdm.video.info import VideoInfo
from pvdm.video.series import series_file
from pvdm.video.series.stored_values import StoredValues
from pvdm.video.suffixes import SERIES_SUFFIXES, VIDEO_SUFFIXES
from pvdm.video.transform import check_crop, log_cut, resize_and_crop

if TYPE_CHECKING:  # importing PyTorch takes seconds, and not everything needs tensors
    from torch import Tensor

Reader = Literal["auto", "pyav", "decord"]
"""The decoder of video files: `decord` only reads those that it reads exactly, PyAV the rest; `auto` is PyAV."""


def decoder(reader: Reader, index: PacketIndex) -> ModuleType:
    """The module that decodes a file."""
    return decord_reading if reader == "decord" and index.plain else decoding


@naming_the_file
def probe(path: str | Path) -> VideoInfo:
    """The number of frames, size and frame rate of a video file, an image series or a folder of frames.

    `InputError` if it is unreadable.

    Frames are counted, not taken from the header.
    """
    path = _existing(path)
    if path.is_dir():
        return frame_folder.probe(path)
    return series_file.probe(path) if is_series(path) else decoding.probe(path)


@naming_the_file
def probe_still(path: str | Path) -> VideoInfo:
    """A picture file as a still; `InputError` if it cannot be read or holds several pictures."""
    return frame_folder.probe_picture(Path(path))


@naming_the_file
def read_frames(
    path: str | Path,
    indices: Sequence[int] | np.ndarray,
    *,
    info: VideoInfo | None = None,
    reader: Reader = "auto",
) -> np.ndarray:
    """The frames at `indices` (any order, repeats allowed): (t, h, w, 3) uint8 RGB, an image series rounded to it.

    info: The result of `probe` for this file, if known; a still needs it. Of a span, indices count from its first
    frame. `InputError` if the path cannot be read or an index is not in [0, frames).
    """
    is_still = _is_still(info)
    path = Path(path) if is_still else _existing(path)
    unique, order = np.unique(np.asarray(indices, dtype=np.int64), return_inverse=True)
    unique = _in_file(path, unique, info)
    if is_still or path.is_dir():
        paths = [path] if is_still else frame_folder.frame_paths(path)
        _check_range(path, unique, len(paths))
        frames = frame_folder.read(paths, unique)
    elif is_series(path):
        frames = np.rint(_series(path, unique, info)).astype(np.uint8)
    else:
        index = _index(path, info)
        _check_range(path, unique, index.frames)
        frames = decoder(reader, index).read(path, unique, index)
    return frames if _ascending(unique, order) else frames[order]


@naming_the_file
def read_covering(
    path: str | Path,
    indices: np.ndarray,
    size: tuple[int, int],
    *,
    info: VideoInfo | None = None,
    crop: tuple[float, float] = (0.5, 0.5),
    reader: Reader = "auto",
) -> Tensor:
    """The frames at `indices` (any order, repeats allowed) as a clip: (3, t, *size) uint8, contiguous.

    Those of an image series are float32, 0 to 255, unless it is one of 8 bits (see `StoredValues`). They are scaled and
    cropped as by `resize_and_crop`, but frames of a video file while they are decoded, which is more accurate and
    faster. Errors are those of `read_frames`.
    """
    import torch

    if _is_still(info):
        return resize_and_crop(read_frames(path, [0], info=info), *size, crop).repeat(1, len(indices), 1, 1)
    path = _existing(path)
    if path.is_dir():
        return resize_and_crop(read_frames(path, indices, info=info), *size, crop)
    if is_series(path):
        unique, order = np.unique(np.asarray(indices, dtype=np.int64), return_inverse=True)
        return resize_and_crop(_series(path, _in_file(path, unique, info), info)[order], *size, crop)
    return torch.from_numpy(covering_pixels(path, indices, size, info=info, crop=crop, reader=reader))


@naming_the_file
def covering_pixels(
    path: str | Path,
    indices: np.ndarray,
    size: tuple[int, int],
    *,
    info: VideoInfo | None = None,
    crop: tuple[float, float] = (0.5, 0.5),
    reader: Reader = "auto",
) -> np.ndarray:
    """`read_covering` of a video file without PyTorch: (3, t, *size) uint8, contiguous."""
    path = _existing(path)
    index = _index(path, info)
    unique, order = np.unique(indices, return_inverse=True)
    unique = _in_file(path, unique, info)
    _check_range(path, unique, index.frames)
    check_crop(crop)
    video = decoder(reader, index).read_covering(path, unique, index, size, crop)
    return video if _ascending(unique, order) else np.ascontiguousarray(video[:, order])


def read_picture(path: str | Path, size: tuple[int, int]) -> Tensor:
    """A picture file that covers (height, width): (3, height, width) uint8; logs how much of its edges is cut.

    InputError if it does not exist, or is not a single picture.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(
            f"{path} does not exist" if not path.exists() else f"{path} is a folder", "give a picture file"
        )
    pixels = frame_folder.read([path], np.array([0]))
    log_cut(path, pixels.shape[1:3], size)
    return resize_and_crop(pixels, *size)[:, 0]


def is_series(path: str | Path) -> bool:
    """Whether a file is an image series by its name."""
    return Path(path).suffix.lower() in SERIES_SUFFIXES


def _series(path: Path, unique: np.ndarray, info: VideoInfo | None) -> np.ndarray:
    """The frames at increasing indices of an image series, (t, h, w, 3) uint8 or float32."""
    known = StoredValues.unpack(info.index) if info is not None else None
    whole = None if known else series_file.probe(path)
    _check_range(path, unique, whole.frames if whole else info.first_frame + info.frames)
    return series_file.read(path, unique, known or whole.values)


def _ascending(unique: np.ndarray, order: np.ndarray) -> bool:
    """Whether the indices that these were made from are the unique ones, in their order."""
    return len(unique) == len(order) and bool((np.diff(order) > 0).all())


def _index(path: Path, info: VideoInfo | None) -> PacketIndex:
    known = PacketIndex.unpack(info.index) if info is not None and info.index else None
    return known or packet_index(path)


def _in_file(path: Path, indices: np.ndarray, info: VideoInfo | None) -> np.ndarray:
    """The numbers in the file of frames that are counted from the start of a span; InputError outside the span."""
    if info is None or info.is_still:
        return indices
    _check_range(path, indices, info.frames)
    return indices + info.first_frame


def _is_still(info: VideoInfo | None) -> bool:
    return info is not None and info.is_still


def _existing(path: str | Path) -> Path:
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path} does not exist", "give a video file or a folder of frames")
    if path.is_file() and path.suffix.lower() not in (*VIDEO_SUFFIXES, *SERIES_SUFFIXES):
        supported = ", ".join(VIDEO_SUFFIXES[:5])
        raise InputError(f"{path} is not a video file", f"give one of {supported}, ... or a folder of frames")
    return path


def _check_range(path: Path, indices: np.ndarray, frames: int) -> None:
    if not len(indices):
        raise InputError(f"no frame of {path} is requested", "give at least one index")
    outside = indices[(indices < 0) | (indices >= frames)]
    if len(outside):
        raise InputError(
            f"{path} has no frame {outside[0]}, only {frames} frames",
            f"give indices from 0 to {frames - 1}",
        )
