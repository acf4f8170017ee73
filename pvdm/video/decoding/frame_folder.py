"""A video that is a folder of images, in the natural order of their names."""

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
    """The names of frames among those of a folder's files; GIFs are frames where there are no others.

    Hidden files are not.
    """
    shown = [name for name in names if not name.startswith(".")]
    stills = [name for name in shown if name.lower().endswith(FRAME_SUFFIXES)]
    return stills or [name for name in shown if name.lower().endswith(ANIMATION_SUFFIXES)]


def is_animation(path: Path) -> bool:
    """Whether an image file holds more than one frame; one that cannot be read does not count as a still."""
    try:
        with Image.open(path) as image:
            return _count(image) > 1
    except DAMAGE:
        return True


def frame_paths(folder: Path) -> list[Path]:
    """The frames in order, `frame_2.png` before `frame_10.png`; `InputError` if there are none."""
    paths = sorted((folder / name for name in frame_names(path.name for path in folder.iterdir())), key=_natural_order)
    if not paths:
        raise InputError(f"{folder} holds no frames", f"{_remedy(folder)}")
    return paths


def number_gap(folder: Path) -> tuple[str, str] | None:
    """The names of the first two neighbours whose last numbers are more than the folder's usual step apart."""
    paths = frame_paths(folder)
    found = [re.findall(r"\d+", path.stem) for path in paths]
    if len(paths) < 3 or not all(found):
        return None
    steps = [int(after[-1]) - int(before[-1]) for before, after in pairwise(found)]
    usual = Counter(steps).most_common(1)[0][0]
    place = next((place for place, step in enumerate(steps) if step > max(usual, 0)), None)
    return None if place is None else (paths[place].name, paths[place + 1].name)


def probe(folder: Path) -> VideoInfo:
    """Counts the frames and opens the first; `InputError` if that fails."""
    paths = frame_paths(folder)
    height, width = _read_image(paths[0]).shape[:2]
    return VideoInfo(len(paths), height, width, fps=None)


def _remedy(folder: Path) -> str:
    """To name one of its videos, if it has any; else to put frames there."""
    videos = sorted(path for path in folder.iterdir() if path.name.lower().endswith(VIDEO_SUFFIXES))
    if videos:
        return f"give one of its videos, such as {videos[0]}"
    return f"put images ({', '.join(FRAME_SUFFIXES[:3])}) directly into it"


def read(paths: Sequence[Path], indices: np.ndarray) -> np.ndarray:
    """indices: in range -> (t, h, w, 3) uint8 RGB; `InputError` if one is damaged or sizes differ."""
    frames = [_read_image(paths[i]) for i in indices]
    for i, frame in zip(indices, frames, strict=True):
        if frame.shape != frames[0].shape:
            raise InputError(
                f"{paths[i]} is {frame.shape[1]}x{frame.shape[0]}, but the clip it belongs to begins with "
                f"{frames[0].shape[1]}x{frames[0].shape[0]}",
                "give all frames of a folder one size",
            )
    return np.stack(frames)


def _read_image(path: Path) -> np.ndarray:
    try:
        with Image.open(path) as image:
            if (count := _count(image)) > 1:
                raise InputError(f"{path} holds {count} frames, and not one", "make it a video file, such as an mp4")
            return as_shown(image)
    except DAMAGE as error:
        raise InputError(f"{path} cannot be read as an image ({error})", "remove or replace it") from error


def _count(image: Image.Image) -> int:
    """Frames of an animation or pages; the further pictures of a camera's JPEG (MPO) are other views of the first."""
    return 1 if image.format == "MPO" else getattr(image, "n_frames", 1)


def _natural_order(path: Path) -> tuple[list[str | int], str]:
    """Numbers in a name count as numbers; the name itself settles what is equal (`1.png`, `01.png`)."""
    pieces = re.split(r"(\d+)", path.name.casefold())
    return [int(piece) if piece.isdecimal() else piece for piece in pieces], path.name


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
