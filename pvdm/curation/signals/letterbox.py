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
    wide = [_extent(_shares(black, axis)) for axis in (0, 1)]
    rows, columns = _shares(black[:, wide[0]], 1), _shares(black[wide[1]], 0)  # without the bars at the other sides
    clockwise = np.array([_bar(profile) for profile in (rows, columns[::-1], rows[::-1], columns)], np.float32)
    if np.nan_to_num(clockwise).any():
        clockwise = np.roll(clockwise, -_turns(luma, upright))
    top, right, bottom, left = clockwise
    return np.array([top, bottom, left, right])


def without_bars(picture: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """A view of (h, w, ...) without its bars; unknown ones (NaN) count as none."""
    height, width = picture.shape[:2]
    top, bottom, left, right = np.rint(np.nan_to_num(shares) * (height, height, width, width)).astype(int)
    return picture[top : height - bottom, left : width - right]


def _shares(black: np.ndarray, axis: int) -> np.ndarray:
    """(n,): the share of each row (axis 1) or column (axis 0) that is set in (h, w) uint8, 0 or 255."""
    return cv2.reduce(black, axis, cv2.REDUCE_AVG, dtype=cv2.CV_32F).ravel() / 255


def _extent(black: np.ndarray) -> slice:
    """From the first to the last row or column that is not of a bar; all if there is none."""
    lighter = np.flatnonzero(black < BAR)
    return slice(lighter[0], lighter[-1] + 1) if len(lighter) else slice(None)


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
