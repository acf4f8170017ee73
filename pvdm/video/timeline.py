"""The frame rate of a video by its timestamps, and the times of its frames if the rate varies."""

from __future__ import annotations

import zlib
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator
from fractions import Fraction
from functools import lru_cache

import numpy as np

UNEVEN = 0.25
"""Share of a frame's duration that timestamps of a constant rate may deviate by, however coarse their unit is."""
NTSC_ROUNDED = 2e-6
"""Relative difference between the rates of NTSC and their rounded names: 23.976, 29.97, 59.94, 119.88."""
ROUNDING = 1e-9
"""Seconds by which floats that should be equal may differ, far below any unit of timestamps."""


class Timeline:
    """The times of the frames of a video of variable rate.

    seconds: (n,) float64, never decreasing, starting at 0. The last frame is assumed to last as long as the median one.
    """

    def __init__(self, seconds: np.ndarray) -> None:
        self.seconds = seconds
        steps = np.sort(np.diff(seconds))
        steps = steps[steps > 0]  # np.median would take longer than everything else here, for every video of a data set
        self.usual = float(steps[len(steps) // 2]) if len(steps) else 0.0
        # A frame is the nearest until halfway to the next one, the last until half of its duration.
        self._ends = np.append((seconds[1:] + seconds[:-1]) / 2, seconds[-1] + self.usual / 2)

    def nearest(self, start: int, frames: int, fps: float, *, loop: bool = False) -> np.ndarray:
        """(frames,) int64: frame `start` and those nearest to the times 1/fps, 2/fps, ... later.

        The later one in a tie. Beyond the end of the video it is n, or with `loop` the first frames follow the last.
        """
        seconds = self.seconds[start] + np.arange(frames) / fps
        indices = self._at(seconds % (self.seconds[-1] + self.usual) if loop else seconds)
        if loop:
            indices %= len(self.seconds)
        indices[0] = start  # if several frames have the same time, it would be the last of them
        return indices

    def last_start(self, frames: int, fps: float) -> int:
        """The last frame from which `frames` frames, 1/fps apart, fit in the video; -1 if none."""
        return int(np.searchsorted(self.seconds, self._ends[-1] - ROUNDING - (frames - 1) / fps)) - 1

    def fit_end_to_end(self, frames: int, fps: float) -> int:
        """The number of clips of `frames`, 1/fps apart, that fit one after the other; at most the number of starts."""
        starts = self.last_start(frames, fps) + 1
        whole, one = self.seconds[-1] + self.usual, (frames - 1) / fps + self.usual
        return min(starts, max(1, int((whole + ROUNDING) / one))) if one > 0 else starts

    def _at(self, seconds: np.ndarray) -> np.ndarray:
        return np.searchsorted(self._ends, seconds + ROUNDING, side="right")


def rate_and_times(
    ticks: np.ndarray | None, tick: Fraction | None, claims: Iterable[Fraction | None] = ()
) -> tuple[float | None, str | None]:
    """The frames per second of a video and, if the rate varies, its `packed` times.

    A rate is constant if it explains every timestamp up to the rounding of its unit. The candidates are the rates that
    the file declares, the nearest integer, the nearest rate of NTSC (n * 1000/1001), and the mean. Other videos get the
    mean and their times. If timestamps are unusable (a single one, or all equal), the declared rate is returned.

    Args:
        ticks: (n,) int64 timestamps in display order; None if they are not known.
        tick: Their unit in seconds.
        claims: The rates that the file declares.
    """
    claims = [claim for claim in claims if claim]
    if ticks is None or not tick or ticks[-1] <= ticks[0] or (np.diff(ticks) < 0).any():
        return (float(claims[0]) if claims else None), None
    ticks = ticks - ticks[0]
    seconds = ticks * float(tick)
    mean = (len(ticks) - 1) / float(seconds[-1])
    rate = next((rate for rate in _candidates(claims, mean) if _explains(rate, seconds, float(tick))), None)
    return (mean, packed(ticks, tick)) if rate is None else (rate, None)


def exact_rate(fps: float) -> Fraction:
    """The fraction that a rounded rate stands for, as files store it: 29.97 is 30000/1001, 0.3333 is 3333/10000."""
    ntsc = Fraction(round(fps * 1.001) * 1000, 1001)
    if abs(ntsc - fps) <= NTSC_ROUNDED * fps:
        return ntsc
    return Fraction(fps).limit_denominator(1001) if fps >= 1 else 1 / Fraction(1 / fps).limit_denominator(1001)


def packed(ticks: np.ndarray, tick: Fraction) -> str:
    """Times as a short text, the inverse of `timeline`."""
    return f"{tick.numerator}/{tick.denominator} {pack(ticks)}"


@lru_cache(maxsize=64)  # a clip needs it for its start and for its frames
def timeline(text: str) -> Timeline:
    """The timeline of a text from `packed`; ValueError for any other text."""
    tick, _, ticks = text.partition(" ")
    try:
        return Timeline(unpack(ticks) * float(Fraction(tick)))
    except (IndexError, ZeroDivisionError, zlib.error) as error:
        raise ValueError(f"{text[:20]} is not a timeline") from error


@lru_cache(maxsize=64)
def timeline_of_span(text: str, first: int, frames: int) -> Timeline:
    """The timeline of `frames` frames from `first` on, starting at 0."""
    whole = timeline(text)
    if frames == len(whole.seconds):
        return whole
    seconds = whole.seconds[first : first + frames]
    return Timeline(seconds - seconds[0])


def pack(values: np.ndarray) -> str:
    """Integers as a short text: their differences, most of which are equal, compressed."""
    return b64encode(zlib.compress(np.diff(values, prepend=0).astype("<i8").tobytes(), 9)).decode()


def unpack(text: str) -> np.ndarray:
    """Inverse of `pack`; ValueError or zlib.error for any other text."""
    return np.cumsum(np.frombuffer(zlib.decompress(b64decode(text)), dtype="<i8"))


def _candidates(claims: Iterable[Fraction], mean: float) -> Iterator[float]:
    yield from map(float, claims)
    yield float(round(mean))
    yield float(Fraction(round(mean * 1.001) * 1000, 1001))
    yield mean


def _explains(rate: float, seconds: np.ndarray, tick: float) -> bool:
    """Whether frames at this rate have these times, up to rounding to ticks."""
    if not rate > 0:
        return False
    deviation = seconds - np.arange(len(seconds)) / rate
    return bool(np.ptp(deviation) <= min(tick, UNEVEN / rate) + ROUNDING)
