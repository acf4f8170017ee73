"""What users give for each frame of a video, as vectors of the frames of its clips."""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import Tensor

from pvdm.conditions.cameras import Camera, CameraPath, camera_path, camera_rows


@dataclass(frozen=True, eq=False)
class Tracks:
    """Camera of a video, by frame; all videos of a batch have the same.

    Args:
        camera: The camera; None for none.
    """

    camera: CameraPath | None = None

    @classmethod
    def of(cls, frames: int, *, camera: Camera | None = None) -> Tracks | None:
        """Those of a video of so many frames; None without any. InputError if they do not fit it."""
        if camera is None:
            return None
        return cls(camera_path(camera, frames))

    @property
    def given(self) -> list[str]:
        """The parts of a condition that there are."""
        return [name for name in ("camera",) if getattr(self, name) is not None]

    def after(self, frames: int) -> Tracks:
        """Those of the video without its first frames."""
        return replace(self, camera=self.camera and self.camera.at(range(frames, len(self.camera))))

    def clip(self, start: int, frames: int) -> dict[str, Tensor]:
        """Vectors (1, frames, d) of each part, of the clip that begins with frame `start`."""
        return {} if self.camera is None else {"camera": camera_rows(self.camera, start, frames)}
