"""What users give for each frame of a video, as vectors of the frames of its clips."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import Tensor

from pvdm.conditions.cameras import Camera, CameraPath, camera_path, camera_rows
from pvdm.conditions.sound import file_vectors, sound_rows


@dataclass(frozen=True, eq=False)
class Tracks:
    """Camera and sound of a video, by frame; all videos of a batch have the same.

    Args:
        camera: The camera; None for none.
        sound: Vectors (n, d) float32 of what is heard around each frame; None for none.
    """

    camera: CameraPath | None = None
    sound: np.ndarray | None = None

    @classmethod
    def of(
        cls, frames: int, *, camera: Camera | None = None, sound: str | Path | None = None, fps: float, encoder: str
    ) -> Tracks | None:
        """Those of a video of so many frames; None without any. InputError if they do not fit it.

        Args:
            frames: Its length.
            camera: Its camera.
            sound: A file whose sound it has, from the beginning of both on.
            fps: Its frames per second.
            encoder: What encodes the sound.
        """
        if camera is None and sound is None:
            return None
        path = None if camera is None else camera_path(camera, frames)
        return cls(path, None if sound is None else file_vectors(sound, frames, fps, encoder))

    @property
    def given(self) -> list[str]:
        """The parts of a condition that there are."""
        return [name for name in ("camera", "sound") if getattr(self, name) is not None]

    def after(self, frames: int) -> Tracks:
        """Those of the video without its first frames."""
        camera = None if self.camera is None else self.camera.at(range(frames, len(self.camera)))
        return Tracks(camera, None if self.sound is None else self.sound[frames:])

    def clip(self, start: int, frames: int) -> dict[str, Tensor]:
        """Vectors (1, frames, d) of each part, of the clip that begins with frame `start`."""
        rows = {} if self.camera is None else {"camera": camera_rows(self.camera, start, frames)}
        return rows if self.sound is None else {**rows, "sound": sound_rows(self.sound, start, frames)}
