"""A picture of a data set: the middle frames of some of its videos."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import zip_longest

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from pvdm.data.index import Video
from pvdm.data.scenes.scene_videos import read_frames
from pvdm.errors import InputError

CELL, CAPTION, GAP = (192, 144), 30, 8
PAPER, INK, FAINT = (255, 255, 255), (20, 20, 20), (110, 110, 110)


def contact_sheet(
    videos: Sequence[Video], classes: Sequence[str] | None = None, *, count: int = 24, columns: int = 6
) -> Image.Image:
    """Up to `count` videos of all classes in turn, each with its class, name, size and length."""
    chosen = choose(videos, count)
    columns = max(1, min(columns, len(chosen)))
    step = (CELL[0] + GAP, CELL[1] + CAPTION + GAP)
    rows = -(-len(chosen) // columns)
    sheet = Image.new("RGB", (columns * step[0] + GAP, rows * step[1] + GAP), PAPER)
    for number, video in enumerate(chosen):
        row, column = divmod(number, columns)
        _draw(sheet, (GAP + column * step[0], GAP + row * step[1]), video, classes)
    return sheet


def choose(videos: Sequence[Video], count: int) -> list[Video]:
    """A reproducible choice that takes from each class in turn, sorted by class and name; those of none first."""
    by_class = defaultdict(list)
    for place in np.random.default_rng(0).permutation(len(videos)):
        by_class[videos[place].label].append(videos[place])
    in_turn = [video for group in zip_longest(*by_class.values()) for video in group if video is not None]
    return sorted(in_turn[:count], key=lambda video: (-1 if video.label is None else video.label, *video.key))


def _draw(sheet: Image.Image, corner: tuple[int, int], video: Video, classes: Sequence[str] | None) -> None:
    sheet.paste(_picture(video), corner)
    name = video.path.stem if video.path.suffix else video.path.name
    size = f"{video.info.width}x{video.info.height}, {video.info.frames} frames"
    heading, below = (name, size) if video.label is None or classes is None else (classes[video.label], name)
    for text, color, top in ((heading, INK, 0), (below, FAINT, 14)):
        _write(sheet, (corner[0], corner[1] + CELL[1] + 2 + top), text, color)


def _picture(video: Video) -> Image.Image:
    """The middle frame, scaled into a cell; if it cannot be decoded, a cell that says so."""
    try:
        (frame,) = read_frames(video.path, [video.info.frames // 2], info=video.info)
    except InputError:
        empty = Image.new("RGB", CELL, FAINT)
        _write(empty, (8, CELL[1] // 2 - 8), "cannot be decoded", PAPER)
        return empty
    return ImageOps.pad(Image.fromarray(frame), CELL, color=(235, 235, 235))


def _write(image: Image.Image, place: tuple[int, int], text: str, color: tuple[int, int, int]) -> None:
    """One line, cut to the width of a cell."""
    font = ImageFont.load_default(12)
    if font.getlength(text) > CELL[0]:
        while text and font.getlength(text + "...") > CELL[0]:
            text = text[:-1]
        text += "..."
    ImageDraw.Draw(image).text(place, text, color, font=font)
