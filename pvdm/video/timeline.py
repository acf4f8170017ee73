"""When the frames of a video are shown: its rate, taken from timestamps, and the frames at wanted instants."""

from __future__ import annotations

import zlib
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator
from fractions import Fraction
from functools import lru_cache

import numpy as np

UNEVEN = 0.25
"""Of a frame's duration: timestamps of a constant rate stray by no more, however coarse their unit is."""
NTSC_ROUNDED = 2e-6
"""Relative difference of the rates of NTSC from what they are called: 23.976, 29.97, 59.94, 119.88."""
ROUNDING = 1e-9
"""Seconds, far below any unit of timestamps: floats that should be equal may differ by it."""


class Timeline:
    """The times of a video of variable rate, and which of its frames are nearest to others.

    seconds: (n,) float64, never decreasing, from 0 on. The last frame is taken to be on show as long as the median
    frame is.
    """

    def __init__(self, seconds: np.ndarray) -> None:
        self.seconds = seconds
        steps = np.sort(np.diff(seconds))
        steps = steps[steps > 0]  # np.median takes longer than all else here, which is done for every video of a set
        self.usual = float(steps[len(steps) // 2]) if len(steps) else 0.0
        # A frame is nearest until half way to the next, the last until half its duration is over.
        self._ends = np.append((seconds[1:] + seconds[:-1]) / 2, seconds[-1] + self.usual / 2)

    def nearest(self, start: int, frames: int, fps: float) -> np.ndarray:
        """(frames,) int64, a frame and those nearest to the instants 1/fps, 2/fps, ... later.

        Of two equally near it is the later one, and n behind the end of the video.
        """
        found = self._at(self.seconds[start] + np.arange(frames) / fps)
        found[0] = start  # of several frames of one time it would be the last
        return found

    def last_start(self, frames: int, fps: float) -> int:
        """The last frame that so many can be taken from, 1/fps apart; -1 if there is none."""
        return int(np.searchsorted(self.seconds, self._ends[-1] - ROUNDING - (frames - 1) / fps)) - 1

    def fit_end_to_end(self, frames: int, fps: float) -> int:
        """How many runs of `frames`, 1/fps apart, have room one after the other; no more than there are starts."""
        starts = self.last_start(frames, fps) + 1
        whole, one = self.seconds[-1] + self.usual, (frames - 1) / fps + self.usual
        return min(starts, max(1, int((whole + ROUNDING) / one))) if one > 0 else starts

    def _at(self, instants: np.ndarray) -> np.ndarray:
        return np.searchsorted(self._ends, instants + ROUNDING, side="right")


def rate_and_times(
    ticks: np.ndarray | None, tick: Fraction | None, claims: Iterable[Fraction | None] = ()
) -> tuple[float | None, str | None]:
    """Frames per second of a video and, if that varies, its `packed` times.

    A constant rate is one that explains every timestamp to the rounding of its unit: one of those that the file
    claims, a whole one, one of NTSC's (n * 1000/1001), or the mean. Any other video has the mean. Of a video whose
    timestamps say nothing, there being one or all alike, the claim is all there is.

    Args:
        ticks: (n,) int64, in the order of display; None if they are not known.
        tick: Their unit in seconds.
        claims: What the file says of its rate.
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
    """The fraction that a rate stands for, which files can say exactly: 29.97 is 30000/1001, 0.3333 is 3333/10000."""
    of_ntsc = Fraction(round(fps * 1.001) * 1000, 1001)
    if abs(of_ntsc - fps) <= NTSC_ROUNDED * fps:
        return of_ntsc
    return Fraction(fps).limit_denominator(1001) if fps >= 1 else 1 / Fraction(1 / fps).limit_denominator(1001)


def packed(ticks: np.ndarray, tick: Fraction) -> str:
    """Times as a short text, of which `timeline` makes them again."""
    return f"{tick.numerator}/{tick.denominator} {pack(ticks)}"


@lru_cache(maxsize=64)  # of a clip both the start and the frames are asked for
def timeline(text: str) -> Timeline:
    """What `packed` made; ValueError if it is not that."""
    tick, _, ticks = text.partition(" ")
    try:
        return Timeline(unpack(ticks) * float(Fraction(tick)))
    except (IndexError, ZeroDivisionError, zlib.error) as error:
        raise ValueError(f"{text[:20]} is not a timeline") from error


def pack(values: np.ndarray) -> str:
    """Differences of whole numbers, most of which are alike."""
    return b64encode(zlib.compress(np.diff(values, prepend=0).astype("<i8").tobytes(), 9)).decode()


def unpack(text: str) -> np.ndarray:
    """Inverse of `pack`; ValueError or zlib.error if it is not that."""
    return np.cumsum(np.frombuffer(zlib.decompress(b64decode(text)), dtype="<i8"))


def _candidates(claims: Iterable[Fraction], mean: float) -> Iterator[float]:
    yield from map(float, claims)
    yield float(round(mean))
    yield float(Fraction(round(mean * 1.001) * 1000, 1001))
    yield mean


def _explains(rate: float, seconds: np.ndarray, tick: float) -> bool:
    """Whether frames of this rate would have these times, which were rounded to ticks."""
    if not rate > 0:
        return False
    strayed = seconds - np.arange(len(seconds)) / rate
    return bool(np.ptp(strayed) <= min(tick, UNEVEN / rate) + ROUNDING)
