"""A picture of samples and the training clips nearest to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from einops import rearrange
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from pvdm.errors import InputError

PAPER, INK, FAINT = (255, 255, 255), (20, 20, 20), (115, 115, 115)
STRIP_FRAMES, FRAME_HEIGHT = 8, 96
MARGIN, GAP, SEAM, LINE, LEAST_WIDTH = 20, 22, 2, 20, 420
TEXT = 13


@dataclass(frozen=True)
class Pair:
    """A sample and the training clip nearest to it, both (3, t, h, w) uint8, with their names and distance."""

    sample: Tensor
    training: Tensor
    sample_name: str
    training_name: str
    distance: float


def pairs_picture(pairs: Sequence[Pair], *, columns: int = 1) -> Image.Image:
    """Film strips of up to 8 frames: each sample above the training clip nearest to it, with names and distance."""
    if not pairs:
        raise InputError("there are no pairs to draw", "give at least one")
    blocks = [_block(pair) for pair in pairs]
    columns = min(columns, len(blocks))
    width, height = max(block.width for block in blocks), max(block.height for block in blocks)
    rows = -(-len(blocks) // columns)
    size = (columns * (width + GAP) - GAP + 2 * MARGIN, rows * (height + GAP) - GAP + 2 * MARGIN)
    picture = Image.new("RGB", size, PAPER)
    for number, block in enumerate(blocks):
        row, column = divmod(number, columns)
        picture.paste(block, (MARGIN + column * (width + GAP), MARGIN + row * (height + GAP)))
    return picture


def _block(pair: Pair) -> Image.Image:
    """One pair: the two film strips, with a caption above the sample and one below the training clip."""
    above, below = _strip(pair.sample), _strip(pair.training)
    width = max(above.width, below.width, LEAST_WIDTH)
    block = Image.new("RGB", (width, LINE + above.height + 2 * SEAM + below.height + LINE + SEAM), PAPER)
    block.paste(above, (0, LINE))
    block.paste(below, (0, LINE + above.height + 2 * SEAM))
    _caption(block, 0, "Sample", pair.sample_name)
    distance = f"distance {pair.distance:.3g}"
    _caption(block, block.height - LINE + SEAM, "Nearest training clip", pair.training_name, aside=distance)
    return block


def _strip(video: Tensor) -> Image.Image:
    """Up to 8 frames spread evenly over a clip (3, t, h, w) uint8, side by side."""
    chosen = np.linspace(0, video.shape[1] - 1, min(STRIP_FRAMES, video.shape[1])).round().astype(int)
    frames = [Image.fromarray(frame) for frame in rearrange(video[:, chosen].cpu().numpy(), "c t h w -> t h w c")]
    width = max(1, round(FRAME_HEIGHT * video.shape[3] / video.shape[2]))
    strip = Image.new("RGB", (len(frames) * (width + SEAM) - SEAM, FRAME_HEIGHT), PAPER)
    for number, frame in enumerate(frames):
        resized = frame.resize((width, FRAME_HEIGHT), Image.Resampling.LANCZOS)
        strip.paste(resized, (number * (width + SEAM), 0))
    return strip


def _caption(block: Image.Image, top: int, label: str, name: str, *, aside: str = "") -> None:
    """A faint label, the name, cut to the space that is left, and `aside` at the right end."""
    draw, font = ImageDraw.Draw(block), ImageFont.load_default(TEXT)
    left = font.getlength(f"{label}  ")
    right = block.width - font.getlength(aside)
    draw.text((0, top), label, FAINT, font=font)
    draw.text((right, top), aside, FAINT, font=font)
    draw.text((left, top), _cut(name, right - left - TEXT, font), INK, font=font)


def _cut(text: str, width: float, font: ImageFont.FreeTypeFont) -> str:
    """The text, shortened with three dots if it is too wide."""
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "...") > width:
        text = text[:-1]
    return text + "..."
