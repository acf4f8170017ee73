"""The nearest training clip to each sample: diversity, memorization, and a picture of the pairs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from einops import rearrange
from PIL import Image, ImageDraw, ImageFont
from scipy.spatial.distance import cdist
from torch import Tensor

from pvdm.errors import InputError

BLOCK = 1 << 22
"""Distances held at once: 32 MiB."""
PAPER, INK, FAINT = (255, 255, 255), (20, 20, 20), (115, 115, 115)
STRIP_FRAMES, FRAME_HEIGHT = 8, 96
MARGIN, GAP, SEAM, LINE, LEAST_WIDTH = 20, 22, 2, 20, 420
TEXT = 13


def nearest(features: np.ndarray, reference: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The row of reference (m, d) nearest to each of features (n, d): its number (n,) and distance (n,), float64.

    Euclidean and exact, not by products, which lose the small distances that matter here; the first of equal ones.
    """
    _check(features, reference)
    index, distance = np.empty(len(features), dtype=np.int64), np.empty(len(features))
    for rows, distances in _distances(features, reference):
        index[rows] = distances.argmin(1)
        distance[rows] = distances.min(1)
    return index, distance


def mean_pairwise_distance(features: np.ndarray) -> float:
    """The mean Euclidean distance of two different rows of features (n, d)."""
    _check(features, features)
    if len(features) < 2:
        raise InputError("diversity found one clip; give at least two")
    centred = np.asarray(features, dtype=np.float64) - features.mean(0, dtype=np.float64)
    squares = np.square(centred).sum(1)
    total = 0.0
    for rows in _blocks(len(features), len(features)):
        # By products, many times faster: what they lose of the small distances is nothing to the mean.
        squared = squares[rows, None] + squares - 2 * centred[rows] @ centred.T
        squared[np.arange(len(squared)), np.arange(len(features))[rows]] = 0
        total += np.sqrt(squared.clip(min=0)).sum()
    return float(total / (len(features) * (len(features) - 1)))


def diversity(features: np.ndarray, reference: np.ndarray) -> float:
    """Mean pairwise distance of samples (n, d) relative to that of real clips (m, d); 1 is as diverse, 0 one video.

    NaN if all real clips are the same.
    """
    real = mean_pairwise_distance(reference)
    return mean_pairwise_distance(features) / real if real else float("nan")


def nearer_than_held_out(features: np.ndarray, held_out: np.ndarray, reference: np.ndarray) -> float:
    """The chance that a sample (n, d) is nearer to the training clips (m, d) than a held-out real clip (k, d) is.

    The statistic of Meehan et al. 2020 (arXiv 2004.05675), section 3.2, over all of the space, by their Mann-Whitney
    test: 1/2 if samples are like new real clips, 1 if all are copies, 0 if all are far from any; equal ones count half.
    """
    samples, held = nearest(features, reference)[1], np.sort(nearest(held_out, reference)[1])
    farther = len(held) - np.searchsorted(held, samples, side="right")
    farther_or_equal = len(held) - np.searchsorted(held, samples, side="left")
    return float((farther + farther_or_equal).mean() / (2 * len(held)))


@dataclass(frozen=True)
class Pair:
    """A sample and the training clip nearest to it, both (3, t, h, w) uint8, and what to call them."""

    sample: Tensor
    training: Tensor
    sample_name: str
    training_name: str
    distance: float


def pairs_picture(pairs: Sequence[Pair], *, columns: int = 1) -> Image.Image:
    """Film strips of up to 8 frames: each sample above the training clip nearest to it, with names and distance."""
    if not pairs:
        raise InputError("there are no pairs to draw; give at least one")
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
    """One pair: a caption above the sample and one below the training clip, their strips close together."""
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
    """Frames spread evenly over a clip (3, t, h, w) uint8, side by side."""
    chosen = np.linspace(0, video.shape[1] - 1, min(STRIP_FRAMES, video.shape[1])).round().astype(int)
    frames = [Image.fromarray(frame) for frame in rearrange(video[:, chosen].cpu().numpy(), "c t h w -> t h w c")]
    width = max(1, round(FRAME_HEIGHT * video.shape[3] / video.shape[2]))
    strip = Image.new("RGB", (len(frames) * (width + SEAM) - SEAM, FRAME_HEIGHT), PAPER)
    for number, frame in enumerate(frames):
        resized = frame.resize((width, FRAME_HEIGHT), Image.Resampling.LANCZOS)
        strip.paste(resized, (number * (width + SEAM), 0))
    return strip


def _caption(block: Image.Image, top: int, kind: str, name: str, *, aside: str = "") -> None:
    """What it is, faint; its name, cut to what is left of the line; what is said aside at the right end."""
    draw, font = ImageDraw.Draw(block), ImageFont.load_default(TEXT)
    left = font.getlength(f"{kind}  ")
    right = block.width - font.getlength(aside)
    draw.text((0, top), kind, FAINT, font=font)
    draw.text((right, top), aside, FAINT, font=font)
    draw.text((left, top), _cut(name, right - left - TEXT, font), INK, font=font)


def _cut(text: str, width: float, font: ImageFont.FreeTypeFont) -> str:
    """The text, or as much of it as has room, with three dots."""
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "...") > width:
        text = text[:-1]
    return text + "..."


def _distances(features: np.ndarray, reference: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """Distances (rows, m) of some rows of features at a time."""
    for rows in _blocks(len(features), len(reference)):
        yield rows, cdist(features[rows], reference)


def _blocks(rows: int, columns: int) -> Iterator[slice]:
    """So many rows at a time that memory does not grow with their number."""
    step = max(1, BLOCK // columns)
    return (slice(start, min(start + step, rows)) for start in range(0, rows, step))


def _check(features: np.ndarray, reference: np.ndarray) -> None:
    """InputError unless both are tables of finite numbers, not empty, of one width."""
    if features.ndim != 2 or reference.ndim != 2 or features.shape[1] != reference.shape[1]:
        raise InputError(f"features are {features.shape} and {reference.shape}; give (n, d) and (m, d) of one detector")
    if not len(features) or not len(reference):
        raise InputError(f"there are {len(features)} clips and {len(reference)} training clips; give some of both")
    if not (np.isfinite(features).all() and np.isfinite(reference).all()):
        raise InputError("some features are not finite; look for clips that the detector cannot judge")
