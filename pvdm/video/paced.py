"""A whole video at a pace of one's choice, read run by run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pvdm.errors import InputError
from pvdm.video.clip import ClipShape
from pvdm.video.info import VideoInfo
from pvdm.video.reader import probe, read_covering

if TYPE_CHECKING:
    from torch import Tensor

MOST_REPEATED = 100
"""Times that a frame is shown, in the mean: more is a slip of a unit, or of a file's timestamps."""


class PacedVideo:
    """A video file or a folder of frames, at its own size, or scaled to cover `size` (height, width) and cropped.

    Its frames are those nearest to instants 1/fps apart, from the first on; without `fps`, or where the video has no
    rate, they are all there are. `InputError` if it cannot be read, or if almost all would be repetitions.
    """

    def __init__(self, path: str | Path, size: tuple[int, int] | None = None, fps: float | None = None) -> None:
        self.path, self.info = Path(path), probe(path)
        self.size = size or (self.info.height, self.info.width)
        self.is_paced = fps is not None and self.info.fps is not None
        if self.is_paced:
            self._check(fps)
        self.indices = indices_at(self.info, fps)

    @property
    def frames(self) -> int:
        """How many there are at this pace."""
        return len(self.indices)

    @property
    def has_every_frame(self) -> bool:
        """Whether each frame of the file is taken, and once."""
        return np.array_equal(self.indices, np.arange(self.info.frames))

    def read(self, start: int, frames: int) -> Tensor:
        """Frames start, start + 1, ... of those at this pace: (3, frames, h, w) uint8."""
        return read_covering(self.path, self.indices[start : start + frames], self.size, info=self.info)

    def last(self, frames: int) -> Tensor:
        """The last frames, or all there are: (3, up to frames, h, w) uint8."""
        frames = min(frames, self.frames)
        return self.read(self.frames - frames, frames)

    def runs(self, length: int) -> Iterator[Tensor]:
        """The whole video in runs of at most `length` frames, (3, n, h, w) uint8 each."""
        for start in range(0, self.frames, length):
            yield self.read(start, min(length, self.frames - start))

    def _check(self, fps: float) -> None:
        seconds, frames = seconds_of(self.info), self.info.frames
        if seconds * fps > MOST_REPEATED * frames:
            raise InputError(
                f"{self.path} has {frames} frames in {seconds:.0f} s, which at {fps:g} frames per second would be "
                f"{seconds * fps:.0f}, almost all of them repeated; correct its timestamps, or ask for "
                f"{self.info.fps:.3g} frames per second"
            )


def indices_at(info: VideoInfo, fps: float | None) -> np.ndarray:
    """Those frames of a video, (n,) int64, that are nearest to instants 1/fps apart; see `PacedVideo`."""
    if fps is None or info.fps is None:
        return np.arange(info.frames)
    shape = ClipShape(int(seconds_of(info) * fps) + 2, info.height, info.width, fps=fps)
    indices = shape.source_indices(0, info)
    return indices[indices < info.frames]


def seconds_of(info: VideoInfo) -> float:
    """How long a video of known rate is on show, its last frame as long as is usual."""
    if info.timeline:
        return float(info.timeline.seconds[-1]) + info.timeline.usual
    return info.frames / info.fps
