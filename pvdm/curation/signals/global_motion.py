"""Whether shifts, turns and zooms of the whole picture explain its motion, as where a camera passes over a photo."""

from __future__ import annotations

from collections import deque

import cv2
import numpy as np

from pvdm.curation.signals.letterbox import without_bars

APART = 3
"""Pictures are compared with the third one before: half a second later most of what a camera sees is as it was."""

GRID, BLOCK = 4, 16
"""Flow is fitted at every fourth pixel; what it leaves is averaged over squares of this many pixels."""

ROUNDS, TOLERANCE = 4, 0.1
"""Of reweighted least squares; the least median deviation in pixels by which weights are scaled."""

SHARPEST, FAINTEST = 10.0, 1e-3
"""Levels of gray a pixel: more detail than this gives no more weight, and less not less."""

NOISE = 1.0
"""Levels of gray a pixel that are added to the gradient, so that flat squares do not count."""

MOST, FRINGE = 0.97, 7
"""Share of the squares whose motion is explained; width in pixels of the border that is left out after warping."""


class GlobalMotion:
    """Compares each picture of a video with the third one before, moved as the whole picture has moved since."""

    def __init__(self) -> None:
        self._past: deque[tuple[np.ndarray, np.ndarray]] = deque(maxlen=APART)

    def unexplained(self, picture: np.ndarray, flow: np.ndarray | None, bars: np.ndarray) -> float:
        """The normal flow in pixels that is left in most of the picture; NaN if nothing can be compared.

        It is the change of gray over the gradient, in squares of 16x16 pixels, of which 3 % may be worse.

        Args:
            picture: (h, w) uint8, the next one.
            flow: (h, w, 2) float32, in pixels from the one before; None if that has another size.
            bars: (4,) their shares of the picture, as in `letterbox`.
        """
        left = float("nan")
        if flow is None:
            self._past.clear()
        else:
            content = np.zeros(picture.shape, np.float32)
            without_bars(content, bars)[:] = 1
            detail = content * cv2.GaussianBlur(_gradient(picture), (0, 0), 1)
            step = fitted_similarity(flow, detail)
            self._past = deque(((each, step @ moves) for each, moves in self._past), maxlen=APART)
            if len(self._past) == APART:
                left = _left(*self._past[0], picture, detail, content)
        self._past.append((picture, np.eye(3)))
        return left


def fitted_similarity(flow: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """(3, 3): the shift, turn and zoom that most of (h, w, 2) flow follows, weighted by (h, w)."""
    half = GRID // 2
    field, weight = (each[half::GRID, half::GRID].astype(np.float64) for each in (flow, weight))
    y, x = np.mgrid[: field.shape[0], : field.shape[1]] * float(GRID) + half
    place, step = x + 1j * y, field[..., 0] + 1j * field[..., 1]
    weight = trusted = np.clip(weight, FAINTEST, SHARPEST)
    for _ in range(ROUNDS):
        center, shift = ((trusted * each).sum() / trusted.sum() for each in (place, step))
        arm = place - center
        growth = (trusted * arm.conj() * (step - shift)).sum() / (trusted * abs(arm) ** 2).sum()
        deviation = abs(step - shift - growth * arm)
        scale = 2 * max(TOLERANCE, float(np.median(deviation)))
        trusted = weight / (1 + (deviation / scale) ** 2)  # Cauchy's
    turn, start = 1 + growth, shift - growth * center
    return np.array([[turn.real, -turn.imag, start.real], [turn.imag, turn.real, start.imag], [0, 0, 1]])


def lengths(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Of vectors; those of OpenCV depend on where in memory these lie, and results must be the same in any process."""
    return np.sqrt(x * x + y * y)


def _left(before: np.ndarray, moves: np.ndarray, after: np.ndarray, detail: np.ndarray, content: np.ndarray) -> float:
    """What is left between two pictures, given how the one moves, and detail and content (0 or 1) of the other."""
    size = after.shape[::-1]
    moved = cv2.warpAffine(before, moves[:2], size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    inside = np.minimum(content, cv2.warpAffine(content, moves[:2], size) > 0.99)
    inside = cv2.erode(inside, np.ones((FRINGE, FRINGE)))
    change = cv2.absdiff(*(cv2.GaussianBlur(each.astype(np.float32), (0, 0), 1) for each in (moved, after)))
    share = _squares(inside)
    seen = share > 0.5
    if not seen.any():
        return float("nan")
    change, detail = (_squares(each * inside)[seen] / share[seen] for each in (change, detail))
    return float(np.quantile(change / (NOISE + detail), MOST))


def _gradient(picture: np.ndarray) -> np.ndarray:
    """(h, w) float32, levels of gray a pixel."""
    return lengths(*(cv2.Sobel(picture, cv2.CV_32F, dx, 1 - dx, scale=1 / 8) for dx in (1, 0)))


def _squares(values: np.ndarray) -> np.ndarray:
    """Means over squares of about `BLOCK` pixels."""
    height, width = (max(1, round(side / BLOCK)) for side in values.shape)
    return cv2.resize(values, (width, height), interpolation=cv2.INTER_AREA)
