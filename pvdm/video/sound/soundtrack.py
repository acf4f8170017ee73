"""Reading the sound of a file: any part of its first track, as mono."""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np

from pvdm.errors import InputError

RATE = 16_000
"""Samples per second of all sound that is read."""

EARLIER = 20.0
"""Seconds before a part at which decoding begins; after a jump in the file, times may be off by some milliseconds."""


class Sound(NamedTuple):
    """Mono samples (n,) float32 in [-1, 1] at `RATE`, and the time, in seconds of the video, at which the track ends.

    If that is later than the last sample, it is only known to be.
    """

    samples: np.ndarray
    end: float


def read_sound(path: str | Path, start: float = 0.0, seconds: float = math.inf) -> Sound | None:
    """The sound of a file from a time of its video on, by default all; silent where the track has none.

    None if the file has no sound. InputError if it cannot be read.
    """
    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                return None
            return _decoded(container, start, seconds)
    except (OSError, av.error.FFmpegError) as error:
        problem = f"the sound of {path} cannot be read ({error.strerror or error})"
        raise InputError(problem, "give a video with sound, or a file such as .wav") from error


def _decoded(container: av.container.InputContainer, start: float, seconds: float) -> Sound:
    track = container.streams.audio[0]
    timed = next(iter(container.streams.video), track)
    zero = float((timed.start_time or 0) * timed.time_base)
    if start > EARLIER:
        container.seek(int((zero + start - EARLIER) / track.time_base), stream=track)
    resampler, parts, first = av.AudioResampler("flt", "mono", RATE), [], None
    for frame in container.decode(track):
        if frame.time is None or frame.time - zero >= start + seconds:
            break
        first = frame.time - zero if first is None else first
        parts += resampler.resample(frame)
    if first is None:
        return Sound(np.zeros(0 if math.isinf(seconds) else round(seconds * RATE), np.float32), start)
    samples = np.concatenate([part.to_ndarray()[0] for part in [*parts, *resampler.resample(None)]])
    return Sound(_part(samples, round((start - first) * RATE), seconds), first + len(samples) / RATE)


def _part(samples: np.ndarray, begin: int, seconds: float) -> np.ndarray:
    """The samples from `begin` on, which may be negative, filled up with silence."""
    whole = np.pad(samples, (max(0, -begin), 0))[max(0, begin) :]
    if math.isinf(seconds):
        return whole
    count = round(seconds * RATE)
    return np.pad(whole[:count], (0, count - len(whole[:count])))
