"""Sound that users give: a file, as vectors of the frames of each clip."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pvdm.data.tracks.sound_features import MEL, encoder_name, sound_encoder, sound_vectors, sound_width
from pvdm.errors import InputError
from pvdm.video.sound.soundtrack import RATE, Sound, read_sound

__all__ = ["MEL", "encoder_name", "file_vectors", "sound_rows", "sound_width"]


def file_vectors(path: str | Path, frames: int, fps: float, encoder: str) -> np.ndarray:
    """(frames, d) float32 of the sound of a file, from its beginning, for a video of so many frames.

    InputError if the file has no sound, or one shorter than the video.
    """
    if not Path(path).is_file():
        raise InputError(f"there is no file {path}", "check the path")
    if (sound := read_sound(path)) is None:
        raise InputError(f"{path} has no sound", "give a video with sound, or a file such as .wav")
    if sound.end < (frames - 0.5) / fps:
        problem = f"the sound of {path} lasts {sound.end:.2f} seconds, and the video {frames / fps:.2f}"
        raise InputError(problem, f"give a longer one, or at most {math.floor(sound.end * fps)} frames")

    def read(start: float, seconds: float) -> Sound:
        begin, count = round(start * RATE), round(seconds * RATE)
        part = np.pad(sound.samples, (max(0, -begin), 0))[max(0, begin) :][:count]
        return Sound(np.pad(part, (0, count - len(part))), sound.end)

    return sound_vectors(sound_encoder(encoder), read, np.arange(frames) / fps, 1 / fps)[0]


def sound_rows(vectors: np.ndarray, start: int, frames: int) -> Tensor:
    """Vectors (1, frames, d) of the clip that begins with frame `start`; the last frame is held beyond the end."""
    return torch.from_numpy(vectors[np.minimum(start + np.arange(frames), len(vectors) - 1)])[None]
