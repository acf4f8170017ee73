"""Whole videos at a size and a pace of one's choice: read in runs or into memory, and saved, alone or in a grid."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from pvdm.errors import InputError, check_range
from pvdm.video.clip import ClipShape
from pvdm.video.grid import grid_video, near_square
from pvdm.video.info import VideoInfo
from pvdm.video.reader import probe, read_covering
from pvdm.video.writer import write_video

MOST_REPEATED = 100
"""Times that a frame is shown, in the mean: more is a slip of a unit, or of a file's timestamps."""


def read_video(
    path: str | Path, *, fps: float | None = None, size: tuple[int, int] | None = None, frames: int | None = None
) -> Tensor:
    """The frames of a video file or a folder of frames: (3, t, h, w) uint8; InputError if it cannot be read.

    Args:
        path: Where it is.
        fps: The pace at which frames are taken; without it, and of a folder, which has none, every frame is taken.
        size: (height, width) that the frames are scaled to cover and then cropped to; their own if not given.
        frames: At most so many, from the first on; all if not given.
    """
    height, width = size or (None, None)
    check_range(1, frames=frames, height=height, width=width)
    video = PacedVideo(path, size, fps)
    return video.read(0, video.frames if frames is None else min(video.frames, frames))


def frames_at(info: VideoInfo, fps: float | None) -> int:
    """How many frames a video has at a pace; without one, and of a folder, which has none, all of its own."""
    return len(indices_at(info, fps))


def save_video(video: Tensor, path: str | Path, *, fps: float, overwrite: bool = True) -> None:
    """Saves a video (3, t, h, w), or several (n, 3, t, h, w) in a grid, uint8, in the format of the path's suffix.

    That is .mp4, .webm, .gif or .webp, or a folder of PNG frames for a name without suffix. fps: the pace at which it
    plays; what a model makes has `generator.fps`. A file of this name is replaced, unless `overwrite` is False.
    InputError if it cannot be written.
    """
    if isinstance(path, Tensor):  # torchvision's write_video and ours have the path first
        video, path = path, video
    if video.ndim not in (4, 5):
        raise InputError(
            f"the video has the shape {tuple(video.shape)}",
            "give (3, t, h, w), or (n, 3, t, h, w) for a grid",
        )
    if video.ndim == 5:
        video = video[0] if len(video) == 1 else grid_video(video, near_square(len(video))[1])
    write_video(path, video, fps=fps, overwrite=overwrite)


if TYPE_CHECKING:
    from torch import Tensor


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
                f"{self.path} has {frames} frames in {seconds:.0f} s, which at {fps:g} frames per second would "
                f"be {seconds * fps:.0f}, almost all of them repeated",
                f"correct its timestamps, or ask for {self.info.fps:.3g} frames per second",
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
