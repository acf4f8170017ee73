"""What a single picture looks like: light, sharpness, colors, the codec's blocks, and how much is one flat tone."""

from __future__ import annotations

import cv2
import numpy as np

SIDE = 256
"""Sharpness is measured at this short side."""

GRID = 8
"""The block size of MPEG, H.264 and JPEG transforms, in pixels."""

MARGIN = 0.2
"""Added to both energies of `blocking`, in levels of luma, so that flat pictures give 1."""


def sharpness(gray: np.ndarray, short_side: int) -> float:
    """Variance of the Laplacian at a short side of 256; gray: (h, w) uint8; short_side: with the bars."""
    factor = SIDE / short_side
    if abs(factor - 1) > 0.01:
        way = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
        gray = cv2.resize(gray, None, fx=factor, fy=factor, interpolation=way)
    return float(cv2.meanStdDev(cv2.Laplacian(gray, cv2.CV_16S))[1].item()) ** 2


def blocking(luma: np.ndarray) -> float:
    """Steps of luma across the codec's 8x8 grid over those within it, 1 for no blocks (Wang et al., 2002).

    luma: (h, w) uint8 as coded: a video that was scaled after its first encoding hides its old grid.
    """
    across = cv2.reduce(cv2.absdiff(luma[:, 1:], luma[:, :-1]), 0, cv2.REDUCE_AVG, dtype=cv2.CV_32F).ravel()
    down = cv2.reduce(cv2.absdiff(luma[1:], luma[:-1]), 1, cv2.REDUCE_AVG, dtype=cv2.CV_32F).ravel()
    ratios = [_on_grid(steps) for steps in (across, down) if len(steps) >= GRID]
    return float(np.mean(ratios)) if ratios else 1.0


def _on_grid(steps: np.ndarray) -> float:
    """steps: (n - 1,), between pixel i and i + 1."""
    on_grid = np.arange(1, len(steps) + 1) % GRID == 0
    return float((steps[on_grid].mean() + MARGIN) / (steps[~on_grid].mean() + MARGIN))


def colorfulness(picture: np.ndarray) -> float:
    """Hasler and Suesstrunk, 2003, of every fourth pixel of every fourth row: 0 (gray) to above 100.

    picture: (h, w, 3) uint8 RGB.
    """
    red, green, blue = cv2.split(picture[::4, ::4].astype(np.float32))
    (mean_rg, std_rg), (mean_yb, std_yb) = map(_mean_and_deviation, (red - green, (red + green) / 2 - blue))
    return float(np.hypot(std_rg, std_yb) + 0.3 * np.hypot(mean_rg, mean_yb))


def _mean_and_deviation(values: np.ndarray) -> tuple[float, float]:
    mean, deviation = cv2.meanStdDev(values)
    return float(mean.item()), float(deviation.item())


def light(gray: np.ndarray) -> tuple[float, float]:
    """Brightness and contrast: mean and standard deviation of a (h, w) uint8 gray picture, as shares of white."""
    mean, deviation = _mean_and_deviation(gray)
    return mean / 255, deviation / 255


def flat_tone(gray: np.ndarray) -> float:
    """The share of pixels in the three neighboring levels that hold most: high for pages and drawings."""
    counts = cv2.calcHist([gray], [0], None, [256], [0, 256]).ravel()
    return float(np.convolve(counts, np.ones(3), "same").max() / gray.size)
