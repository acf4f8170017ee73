"""Folders of images as videos, in the natural order of their names; pixels as an image viewer shows them."""

from __future__ import annotations

import re
import struct
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from pvdm.errors import InputError
from pvdm.video.decoding.damage import DAMAGE
from pvdm.video.info import VideoInfo
from pvdm.video.suffixes import ANIMATION_SUFFIXES, FRAME_SUFFIXES, VIDEO_SUFFIXES


def frame_names(names: Iterable[str]) -> list[str]:
    """The frames among the file names of a folder, without hidden files; GIFs count if there are no others."""
    shown = [name for name in names if not name.startswith(".")]
    stills = [name for name in shown if name.lower().endswith(FRAME_SUFFIXES)]
    return stills or [name for name in shown if name.lower().endswith(ANIMATION_SUFFIXES)]


def is_animation(path: Path) -> bool:
    """Whether an image file holds more than one frame; True if it cannot be read."""
    try:
        with Image.open(path) as image:
            return _count(image) > 1
    except DAMAGE:
        return True


def frame_paths(folder: Path) -> list[Path]:
    """The frames in order, `frame_2.png` before `frame_10.png`; `InputError` if there are none."""
    paths = sorted((folder / name for name in frame_names(path.name for path in folder.iterdir())), key=_natural_order)
    if not paths:
        raise InputError(f"{folder} holds no frames", _remedy(folder))
    return paths


def number_gap(folder: Path) -> tuple[str, str] | None:
    """The names around the first gap, where the last numbers differ by more than the usual step; None without gaps."""
    paths = frame_paths(folder)
    numbers = [re.findall(r"\d+", path.stem) for path in paths]
    if len(paths) < 3 or not all(numbers):
        return None
    steps = [int(after[-1]) - int(before[-1]) for before, after in pairwise(numbers)]
    usual = Counter(steps).most_common(1)[0][0]
    place = next((place for place, step in enumerate(steps) if step > max(usual, 0)), None)
    return None if place is None else (paths[place].name, paths[place + 1].name)


def probe(folder: Path) -> VideoInfo:
    """Counts the frames and opens the first; `InputError` if that fails."""
    paths = frame_paths(folder)
    height, width = _read_image(paths[0]).shape[:2]
    return VideoInfo(len(paths), height, width, fps=None)


def is_picture(path: Path) -> bool:
    """Whether a file is a picture by its name."""
    return path.name.lower().endswith(FRAME_SUFFIXES) and not path.is_dir()


def probe_picture(path: Path) -> VideoInfo:
    """A picture file as a still; `InputError` if it cannot be read or holds several pictures."""
    height, width = _read_image(path).shape[:2]
    return VideoInfo(1, height, width, fps=0.0)


def _remedy(folder: Path) -> str:
    """Suggests one of the folder's videos if it has any, else to add frames."""
    videos = sorted(path for path in folder.iterdir() if path.name.lower().endswith(VIDEO_SUFFIXES))
    if videos:
        return f"give one of its videos, such as {videos[0]}"
    return f"put images ({', '.join(FRAME_SUFFIXES[:3])}) directly into it"


def read(paths: Sequence[Path], indices: np.ndarray) -> np.ndarray:
    """The frames at the indices: (t, h, w, 3) uint8 RGB; `InputError` if one is damaged or if sizes differ."""
    frames = [_read_image(paths[i]) for i in indices]
    for i, frame in zip(indices, frames, strict=True):
        if frame.shape != frames[0].shape:
            raise InputError(
                f"{paths[i]} is {frame.shape[1]}x{frame.shape[0]}, but the first frame of its clip is "
                f"{frames[0].shape[1]}x{frames[0].shape[0]}",
                "give all frames of a folder one size",
            )
    return np.stack(frames)


def _read_image(path: Path) -> np.ndarray:
    try:
        with Image.open(path) as image:
            if (count := _count(image)) > 1:
                raise InputError(
                    f"{path} holds {count} frames instead of one", "convert it to a video file, such as an mp4"
                )
            return as_shown(image)
    except DAMAGE as error:
        raise InputError(f"{path} cannot be read as an image ({error})", "remove or replace it") from error


def _count(image: Image.Image) -> int:
    """The number of frames or pages; in a camera's JPEG (MPO) further pictures are other views and do not count."""
    return 1 if image.format == "MPO" else getattr(image, "n_frames", 1)


def _natural_order(path: Path) -> tuple[list[str | int], str]:
    """Digits in a name compare as numbers; the name itself breaks ties (`1.png`, `01.png`)."""
    pieces = re.split(r"(\d+)", path.name.casefold())
    return [int(piece) if piece.isdecimal() else piece for piece in pieces], path.name


def as_shown(image: Image.Image) -> np.ndarray:
    """(h, w, 3) uint8, upright, on black. ValueError for pixels of unknown range; Pillow's errors for damage."""
    image.load()
    with suppress(SyntaxError, ValueError, LookupError, TypeError, struct.error):  # unreadable tags
        image = ImageOps.exif_transpose(image)
    if image.mode == "F":
        raise ValueError("its pixels are floating-point numbers of unknown range")
    if image.mode.startswith("I"):
        return _from_deep_grey(np.asarray(image), image.info.get("transparency"))
    if not image.has_transparency_data:
        return np.asarray(image.convert("RGB"))
    image = image.convert("RGBA")
    return np.asarray(Image.alpha_composite(Image.new("RGBA", image.size, "black"), image).convert("RGB"))


def _from_deep_grey(grey: np.ndarray, transparent: int | None) -> np.ndarray:
    """grey: (h, w) integers of 16 bits, one of which may mean transparent -> (h, w, 3) uint8."""
    grey = np.where(grey == transparent, 0, grey).clip(0, 0xFFFF).astype(np.uint32)
    return np.repeat(((grey + 128) // 257).astype(np.uint8)[..., None], 3, axis=-1)
