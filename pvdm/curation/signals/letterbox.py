"""Black bars around a picture: how wide they are on each side."""

from __future__ import annotations

import cv2
import numpy as np

BLACK = 30
"""The luma of bars is no higher; video black is 16, or 0."""

BAR = 0.85
"""Share of a bar's row that is black; the rest may be a title."""

CONTENT = 0.4
"""Share of the rows beside a bar that may be black; where more is, the scene is dark and the bar's end unknown."""

WIDEST = 0.45
"""Of the height or the width."""


def bars(luma: np.ndarray, upright: np.ndarray) -> np.ndarray:
    """(4,) float32: the bars at the top, the bottom, the left and the right, as shares of its height or width.

    NaN where the picture is too dark to tell.

    Args:
        luma: (h, w) uint8, the luma plane as coded.
        upright: (h', w') uint8, the same picture in gray as displayed, at any size: it shows by which multiple of 90
            degrees the coded one is to be turned.
    """
    black = cv2.compare(luma, BLACK, cv2.CMP_LE)
    rows, columns = _shares(black, 1), _shares(black, 0)
    tall, wide = _extent(rows), _extent(columns)
    if tall != slice(0, len(rows)) and wide != slice(0, len(columns)):  # each without the bars at the other sides
        rows, columns = _shares(black[:, wide], 1), _shares(black[tall], 0)
    clockwise = np.array([_bar(profile) for profile in (rows, columns[::-1], rows[::-1], columns)], np.float32)
    if np.nan_to_num(clockwise).any():
        clockwise = np.roll(clockwise, -_turns(luma, upright))
    top, right, bottom, left = clockwise
    return np.array([top, bottom, left, right])


def likely_bars(past: np.ndarray) -> np.ndarray:
    """(4,) without NaN: the newest known of (n, 4), oldest first; else the opposite side's; else none."""
    newest = past[-1]
    for older in past[::-1]:
        if not np.isnan(newest).any():
            return newest
        newest = np.where(np.isnan(newest), older, newest)
    return np.nan_to_num(np.where(np.isnan(newest), newest[[1, 0, 3, 2]], newest))


def without_bars(picture: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """A view of (h, w, ...) without its bars, given as shares (4,)."""
    height, width = picture.shape[:2]
    top, bottom, left, right = np.rint(shares * (height, height, width, width)).astype(int)
    return picture[top : height - bottom, left : width - right]


def _shares(black: np.ndarray, axis: int) -> np.ndarray:
    """(n,): the share of each row (axis 1) or column (axis 0) that is set in (h, w) uint8, 0 or 255."""
    return cv2.reduce(black, axis, cv2.REDUCE_AVG, dtype=cv2.CV_32F).ravel() / 255


def _extent(black: np.ndarray) -> slice:
    """From the first to the last row or column that is not of a bar; all if there is none."""
    lighter = np.flatnonzero(black < BAR)
    return slice(int(lighter[0]), int(lighter[-1]) + 1) if len(lighter) else slice(0, len(black))


def _bar(black: np.ndarray) -> float:
    """The share of the bar at the start of rows or columns of which the shares (n,) are black."""
    lighter = np.flatnonzero(black < BAR)
    end = lighter[0] if len(lighter) else len(black)
    if end > WIDEST * len(black):
        return float("nan")
    beside = black[end + 2 : end + 6]  # not the next row: codecs smear the edge
    return float(end) / len(black) if not end or beside.mean() <= CONTENT else float("nan")


def _turns(luma: np.ndarray, upright: np.ndarray) -> int:
    """Quarter turns, counterclockwise, that make the coded picture the displayed one."""
    coded, shown = (cv2.resize(picture, (16, 16), interpolation=cv2.INTER_AREA) for picture in (luma, upright))
    return int(np.argmin([cv2.norm(np.ascontiguousarray(np.rot90(coded, turns)), shown) for turns in range(4)]))
