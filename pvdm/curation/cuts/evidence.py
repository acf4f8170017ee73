"""What is recorded of each frame, in 80 bytes, so that transitions can be found without decoding the video again."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import cv2
import numpy as np
from scenedetect import FrameTimecode, HistogramDetector

LUMA, CHROMA = (8, 5), (4, 2)
"""Cells (across, down) of the tiny picture that is kept of each frame."""

SLOW, SLOWEST = 6.25, 2.0
"""Frames per second that the second and third detector of the cascade see; the first sees all."""

FPS = 25.0
"""Any rate: a time code needs one, the scores do not depend on it."""

BORDER = 0.15
"""Part of the height and width on each side that may belong to a letterbox."""

EDGE = 24
"""Absolute Laplacian of luma from which a pixel counts as part of an edge."""


class ContentScore:
    """PySceneDetect's content score (`ContentDetector` with its usual weights), in a third of its time."""

    def __init__(self) -> None:
        self._last: tuple[np.ndarray, ...] | None = None

    def __call__(self, small: np.ndarray) -> float:
        """The score of this picture against the last; 0 for the first."""
        planes = cv2.split(cv2.cvtColor(small, cv2.COLOR_BGR2HSV))
        last, self._last = self._last, planes
        if last is None:
            return 0.0
        return sum(cv2.norm(*pair, cv2.NORM_L1) / planes[0].size for pair in zip(last, planes, strict=True)) / 3


class HistogramScore:
    """1 less the correlation that PySceneDetect's `HistogramDetector` finds; it also takes the place of the
    StatsManager, which would keep the scores of all frames.
    """

    def __init__(self) -> None:
        self._detector = HistogramDetector(min_scene_len=1)
        self._detector.stats_manager = self
        self._seen, self._correlation = 0, 1.0

    def __call__(self, small: np.ndarray) -> float:
        """The score of this picture against the last; 0 for the first."""
        self._detector.process_frame(FrameTimecode(self._seen, FPS), small)
        self._seen += 1
        return 1 - self._correlation

    def set_metrics(self, timecode: FrameTimecode, values: Mapping[str, float]) -> None:
        """Called by the detector with the correlation."""
        self._correlation = next(iter(values.values()))


class Sampled:
    """A score that sees `rate` frames a second, those at or after k / rate seconds."""

    def __init__(self, score: Callable[[np.ndarray], float], rate: float) -> None:
        self._score, self._rate, self._tick = score, rate, None

    def __call__(self, seconds: float, small: np.ndarray) -> float:
        """The score of this picture against the last one seen; 0 if this one is not seen, or is the first."""
        tick = int(seconds * self._rate + 1e-6)
        if tick == self._tick:
            return 0.0
        self._tick = tick
        return self._score(small)


class CutEvidence:
    """A recorder of what `find_transitions` needs; a frame is compared with frames before it alone.

    Three detectors of PySceneDetect see the frames at three rates, as the cascade of Stable Video Diffusion (arXiv
    2311.15127, appendix C), from one decoding pass.
    """

    def __init__(self) -> None:
        self._content = ContentScore()
        self._slow = Sampled(ContentScore(), SLOW)
        self._slowest = Sampled(HistogramScore(), SLOWEST)
        self._edges: np.ndarray | None = None
        self._numbers: list[tuple[float, ...]] = []
        self._pictures: list[np.ndarray] = []

    def frame(self, number: int, seconds: float, small: np.ndarray) -> None:
        """Every decoded frame in order; small: (h, w, 3) uint8 BGR."""
        colors = cv2.cvtColor(small, cv2.COLOR_BGR2YCrCb)
        middle = _middle(cv2.extractChannel(colors, 0))
        self._pictures.append(_tiny(colors))
        self._numbers.append(
            (
                self._content(small),
                self._slow(seconds, small),
                self._slowest(seconds, small),
                float(cv2.meanStdDev(middle)[1][0, 0]),
                *self._detail(middle),
            )
        )

    def sample(self, number: int, seconds: float, picture: np.ndarray, luma: np.ndarray) -> None:
        """Larger pictures are not needed."""

    def arrays(self) -> dict[str, np.ndarray]:
        """One entry a frame. All are float32, but for the picture: (n, 56) uint8, `LUMA` luma, then `CHROMA` chroma.

        content, content_slow, histogram: the scores of the three detectors, 0 where one did not look. Of the luma of
        the middle of the picture, without the bars of a letterbox: contrast, its standard deviation; detail, its mean
        absolute Laplacian; kept, the share of pixels that are edges in this frame and the last, of those that are in
        either (1 if there are none).
        """
        names = ("content", "content_slow", "histogram", "contrast", "detail", "kept")
        numbers = np.array(self._numbers, np.float32).reshape(-1, len(names))
        pictures = np.array(self._pictures, np.uint8).reshape(-1, LUMA[0] * LUMA[1] + 2 * CHROMA[0] * CHROMA[1])
        return {"frame_picture": pictures, **{f"frame_{name}": numbers[:, i] for i, name in enumerate(names)}}

    def _detail(self, luma: np.ndarray) -> tuple[float, float]:
        """Mean absolute Laplacian, and the share of edges that were edges before."""
        strength = cv2.convertScaleAbs(cv2.Laplacian(luma, cv2.CV_16S))
        edges = cv2.compare(strength, EDGE, cv2.CMP_GT)
        before, self._edges = (edges if self._edges is None else self._edges), edges
        either = cv2.countNonZero(cv2.bitwise_or(edges, before))
        kept = cv2.countNonZero(cv2.bitwise_and(edges, before)) / either if either else 1.0
        return cv2.mean(strength)[0], kept


def _middle(luma: np.ndarray) -> np.ndarray:
    """Without `BORDER` of the height and width on each side."""
    top, left = (round(size * BORDER) for size in luma.shape)
    return luma[top : luma.shape[0] - top, left : luma.shape[1] - left]


def _tiny(colors: np.ndarray) -> np.ndarray:
    """Mean colors of the cells of a picture (h, w, 3) in YCrCb: (56,) uint8."""
    luma = cv2.resize(colors, LUMA, interpolation=cv2.INTER_AREA)[..., 0]
    chroma = cv2.resize(colors, CHROMA, interpolation=cv2.INTER_AREA)[..., 1:]
    return np.concatenate((luma.ravel(), chroma.ravel()))
