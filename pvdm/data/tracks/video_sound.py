"""The sound of a video of a data set: its own, that of a file beside it, or that of a scene."""

from __future__ import annotations

import math
from contextlib import suppress
from pathlib import Path

import numpy as np

from pvdm.data.index import Index
from pvdm.data.scenes.scene_videos import is_scene, scene_sound
from pvdm.data.tracks.sound_features import ReadSound, sound_encoder, sound_vectors
from pvdm.errors import InputError
from pvdm.video import VideoInfo
from pvdm.video.sound.soundtrack import RATE, Sound, read_sound

LOOKED_AT = 32
"""At least how many videos are looked at for sound, if there are as many."""


def sound_of(video: Path, info: VideoInfo, frames: np.ndarray, encoder: str) -> np.ndarray | None:
    """(t, d) float32 of what is heard around some frames of a video; None if its sound does not reach the last."""
    if not info.fps or (read := _sound_reader(video)) is None:
        return None
    times = (info.timeline.seconds[frames] if info.timeline else frames / info.fps) + info.start_seconds
    step = float(np.ptp(times)) / (len(times) - 1) if np.ptp(times) > 0 else 1 / info.fps
    try:
        vectors, end = sound_vectors(sound_encoder(encoder), read, times, step)
    except _NoSound:
        return None
    return vectors if end > times.max() else None


def check_some_sound(index: Index, root: Path) -> None:
    """InputError if none of some videos has sound; all would take long."""
    some = index.videos[:: max(1, len(index.videos) // LOOKED_AT)]
    for video in some:
        reader = _sound_reader(video.path)
        with suppress(_NoSound):
            if reader is not None and reader(0.0, 0.1):
                return
    remedy = "give videos with a track, put files such as clip.wav beside them, or set data.sound false"
    raise InputError(f"none of {len(some)} videos of {root} has sound", remedy)


class _NoSound(Exception):
    """A file without a track of sound."""


def _sound_reader(video: Path) -> ReadSound | None:
    """Reads the sound of a scene, of a .wav beside a video, or of the video itself; None for a folder of frames."""
    if is_scene(video):
        return lambda start, seconds: _scene_part(video, start, seconds)
    beside = video.with_suffix(".wav")
    path = beside if beside.is_file() else video
    return (lambda start, seconds: _file_part(path, start, seconds)) if path.is_file() else None


def _scene_part(video: Path, start: float, seconds: float) -> Sound:
    if (samples := scene_sound(video, start, seconds, RATE)) is None:
        raise _NoSound
    return Sound(samples, math.inf)


def _file_part(path: Path, start: float, seconds: float) -> Sound:
    if (sound := read_sound(path, start, seconds)) is None:
        raise _NoSound
    return sound
