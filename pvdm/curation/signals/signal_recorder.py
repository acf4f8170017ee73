"""What one decoding pass writes down about motion, stillness and quality."""

from __future__ import annotations

from collections import defaultdict, deque
from typing import Any

import cv2
import numpy as np

from pvdm.curation.duplicates.picture_hash import SIDE, picture_hash, thumbnail
from pvdm.curation.signals.frame_changes import UNCHANGED
from pvdm.curation.signals.global_motion import GlobalMotion, lengths
from pvdm.curation.signals.letterbox import bars, likely_bars, without_bars
from pvdm.curation.signals.picture_quality import blocking, colorfulness, flat_tone, light, sharpness

FLOW_SIDE, WIDEST = 128, 3
"""Flow is measured at this short side, and a long side of at most three times that."""

REMEMBERED = 7
"""Samples, 3.5 s: bars that cannot be seen in the dark are where they were."""

BLOCK = 8
"""Changes are averaged over squares of this many pixels of the small frames."""

CHANGED = 3
"""Levels of gray by which a square has changed."""

POINTS = (np.stack(np.meshgrid(*2 * [np.arange(5)]), axis=-1).reshape(-1, 1, 2).astype(np.float32) + 0.5) * (SIDE / 5)
"""Where thumbnails are tracked, (25, 1, 2)."""

TRACKING = {"winSize": (11, 11), "maxLevel": 1, "criteria": (cv2.TERM_CRITERIA_COUNT + cv2.TERM_CRITERIA_EPS, 5, 0.03)}
SHAPES: dict[str, tuple[int, ...]] = {
    **{f"frame_{name}": () for name in ("peak", "part", "hash")},
    "frame_shift": (2,),
    **{f"sample_{name}": () for name in ("flow", "brightness", "contrast", "sharpness", "blocking", "colorfulness")},
    **{f"sample_{name}": () for name in ("flat", "unexplained")},
    "sample_bars": (4,),
}
"""Of an entry of each array."""


class SignalRecorder:
    """Takes the frames of a file in order, see `pvdm.curation`: `frame` each of them, `sample` two a second.

    Of each frame: `frame_peak`, the largest change of a square of 8x8 pixels since the frame before, in levels of gray;
    `frame_part`, the share of the picture that changed; `frame_shift` (x, y), how far the whole picture moved, in
    hundredths of the short side; `frame_hash`. Of each sample: `sample_flow`, the mean optical flow since the sample
    before in hundredths of the short side, and `sample_unexplained`, what `GlobalMotion` says, too; `sample_bars` (top,
    bottom, left, right) as shares, NaN if unknown; and what `picture_quality` says of the picture within the bars.
    """

    def __init__(self) -> None:
        self._rows: dict[str, list[Any]] = defaultdict(list)
        self._bars = np.zeros(4, np.float32)
        self._past_bars: deque[np.ndarray] = deque(maxlen=REMEMBERED)
        self._gray: np.ndarray | None = None
        self._thumbnail: tuple[tuple[int, int], np.ndarray] | None = None
        self._waiting = False
        self._flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        self._flow_picture: np.ndarray | None = None
        self._global = GlobalMotion()

    def frame(self, number: int, seconds: float, small: np.ndarray) -> None:
        """small: (h, w, 3) uint8 BGR, upright, short side 90 or less."""
        self._finish()
        gray = cv2.cvtColor(small, cv2.COLOR_BGR2GRAY)
        peak, part = _change(self._gray, gray)
        self._rows["frame_peak"].append(peak)
        self._rows["frame_part"].append(part)
        self._gray, self._waiting = gray, True

    def sample(self, number: int, seconds: float, picture: np.ndarray, luma: np.ndarray) -> None:
        """picture: (h, w, 3) uint8 RGB, upright, short side 256 or less; luma: (H, W) uint8, the plane as coded."""
        gray = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
        found = bars(luma, gray)
        self._past_bars.append(found)
        self._bars = likely_bars(np.array(self._past_bars))
        content = np.ascontiguousarray(without_bars(gray, self._bars))
        brightness, contrast = light(content)
        length, unexplained = self._motion(gray)
        values = {
            "flow": length,
            "unexplained": unexplained,
            "bars": found,
            "brightness": brightness,
            "contrast": contrast,
            "sharpness": sharpness(content, min(gray.shape)),
            "blocking": blocking(luma),
            "colorfulness": colorfulness(without_bars(picture, self._bars)),
            "flat": flat_tone(content),
        }
        for name, value in values.items():
            self._rows[f"sample_{name}"].append(value)

    def arrays(self) -> dict[str, np.ndarray]:
        """All of it; keys that start with `frame_` have an entry for each frame, the others for each sample."""
        self._finish()
        dtypes = {"frame_hash": np.uint64}
        return {
            name: np.asarray(self._rows[name], dtypes.get(name, np.float32)).reshape(-1, *shape)
            for name, shape in SHAPES.items()
        }

    def _finish(self) -> None:
        """Shift and hash of the last frame, after a sample of it has told where its bars are."""
        if self._gray is None or not self._waiting:
            return
        content = without_bars(self._gray, self._bars)
        now = content.shape, thumbnail(content)
        before = self._thumbnail if self._rows["frame_peak"][-1] > UNCHANGED else None
        self._rows["frame_shift"].append(_shift(before, now, min(self._gray.shape)))
        self._rows["frame_hash"].append(picture_hash(now[1]))
        self._thumbnail, self._waiting = now, False

    def _motion(self, gray: np.ndarray) -> tuple[float, float]:
        """Length of the flow and `GlobalMotion`, in hundredths of the short side, within the bars.

        0 and NaN for the first sample.
        """
        before, self._flow_picture = self._flow_picture, _for_flow(gray)
        comparable = before is not None and before.shape == self._flow_picture.shape
        field = self._flow.calc(before, self._flow_picture, None) if comparable else None
        unexplained = self._global.unexplained(self._flow_picture, field, self._bars)
        if field is None:
            return 0.0, float("nan")
        length = float(cv2.mean(lengths(*cv2.split(without_bars(field, self._bars))))[0])
        return 100 / FLOW_SIDE * length, 100 / FLOW_SIDE * unexplained


def _for_flow(gray: np.ndarray) -> np.ndarray:
    """At a short side of 128; of a panorama the middle, since OpenCV's pyramid is too deep for wider pictures."""
    longest = WIDEST * min(gray.shape)
    top, left = (max(0, (side - longest) // 2) for side in gray.shape)
    middle = gray[top : top + longest, left : left + longest]
    height, width = middle.shape
    factor = FLOW_SIDE / min(height, width)
    return cv2.resize(middle, (round(width * factor), round(height * factor)), interpolation=cv2.INTER_LINEAR)


def _change(before: np.ndarray | None, after: np.ndarray) -> tuple[float, float]:
    """The largest change of a square, and the share of squares that changed; none for the first frame."""
    if before is None or before.shape != after.shape:
        return 0.0, 0.0
    squares = cv2.blur(cv2.absdiff(before, after), (BLOCK, BLOCK))
    changed = cv2.countNonZero(cv2.compare(squares, CHANGED, cv2.CMP_GT))
    return float(cv2.minMaxLoc(squares)[1]), changed / squares.size


Content = tuple[tuple[int, ...], np.ndarray]


def _shift(before: Content | None, after: Content, short_side: int) -> tuple[float, float]:
    """How far the picture as a whole moved, in hundredths of the short side; 0 where the bars have changed.

    The median of points all over it (Lucas and Kanade, 1981): what moves before a camera at rest does not count.
    """
    if before is None or before[0] != after[0]:
        return 0.0, 0.0
    moved, found, _ = cv2.calcOpticalFlowPyrLK(before[1], after[1], POINTS, None, **TRACKING)
    steps = (moved - POINTS)[found.ravel() == 1].reshape(-1, 2)
    if len(steps) < len(POINTS) / 4:
        return 0.0, 0.0
    ordered = np.sort(steps, axis=0)  # np.median takes three times as long
    x, y = (ordered[(len(steps) - 1) // 2] + ordered[len(steps) // 2]) / 2
    height, width = after[0]
    return 100 / SIDE * x * width / short_side, 100 / SIDE * y * height / short_side
