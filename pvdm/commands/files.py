"""Video files of any size, seen by a model: at its height and width, in runs of frames."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pvdm import video
from pvdm.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

    from pvdm.generation import VideoGenerator


def check_input(path: Path) -> None:
    """InputError if there is nothing at `path`, before a model is loaded for it."""
    if not path.exists():
        raise InputError(f"{path} does not exist; give a video file or a folder of frames")


class VideoSource:
    """A video file or frame folder whose frames are scaled and cropped to the model's size."""

    def __init__(self, path: Path, generator: VideoGenerator) -> None:
        self.path, self.info = path, video.probe(path)
        self.size = generator.autoencoder.config
        self.fps = self.info.fps or generator.fps

    def read(self, start: int, frames: int) -> Tensor:
        """Frames start, start + 1, ...: (3, frames, h, w) uint8."""
        shape = video.ClipShape(frames, self.size.height, self.size.width)
        return video.read_clip(self.path, shape, start, info=self.info)

    def last(self, frames: int) -> Tensor:
        """The last frames, or all there are: (3, up to frames, h, w) uint8."""
        frames = min(frames, self.info.frames)
        return self.read(self.info.frames - frames, frames)

    def runs(self, length: int) -> Iterator[Tensor]:
        """The whole video in runs of at most `length` frames, (3, n, h, w) uint8 each."""
        for start in range(0, self.info.frames, length):
            yield self.read(start, min(length, self.info.frames - start))
