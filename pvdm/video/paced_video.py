"""Whole videos at a given size and frame rate, read into memory or in pieces."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from torch import Tensor

from pvdm.errors import InputError, check_range
from pvdm.video.clip import ClipShape
from pvdm.video.info import VideoInfo
from pvdm.video.reader import probe, read_covering
from pvdm.video.series.stored_values import StoredValues

MOST_REPEATED = 100
"""Average repetitions of a frame above which the rate, or the file's timestamps, must be a mistake."""


def read_video(
    path: str | Path,
    *,
    fps: float | None = None,
    size: tuple[int, int] | None = None,
    frames: int | None = None,
    value_range: tuple[float, float] | None = None,
) -> Tensor:
    """The frames of a video file or a folder of frames: (3, t, h, w) uint8; InputError if it cannot be read.

    Those of an image series (.npy, .npz, .tif) of more than 8 bits are float32 from 0, its lowest value, to 255.

    Args:
        path: A video file, an image series or a folder of frames.
        fps: Frames per second to read. Without it, and for a folder, which has no frame rate, every frame is read.
        size: (height, width): frames are scaled to cover it and cropped; None keeps their size.
        frames: Largest number of frames, from the first on; None reads all.
        value_range: The values of an image series that become 0 and 255; by default its own lowest and highest.
    """
    height, width = size or (None, None)
    check_range(1, frames=frames, height=height, width=width)
    video = PacedVideo(path, size, fps, value_range=value_range)
    return video.read(0, video.frames if frames is None else min(video.frames, frames))


def frames_at(info: VideoInfo, fps: float | None) -> int:
    """The number of frames of a video at a frame rate; all of them without a rate, and for a folder of frames."""
    return len(indices_at(info, fps))


class PacedVideo:
    """A video file or a folder of frames at a frame rate, scaled to cover `size` (height, width) and cropped if given.

    value_range: The values of an image series that become 0 and 255; by default its own lowest and highest.

    Its frames are those nearest to times 1/fps apart, from the first on; without `fps`, or if the video has no frame
    rate, all of them. `InputError` if it cannot be read, or if almost all frames would be repetitions.
    """

    def __init__(
        self,
        path: str | Path,
        size: tuple[int, int] | None = None,
        fps: float | None = None,
        *,
        value_range: tuple[float, float] | None = None,
    ) -> None:
        self.path, self.info = Path(path), probe(path).with_range(value_range)
        self.size = size or (self.info.height, self.info.width)
        self.is_paced = fps is not None and self.info.fps is not None
        if self.is_paced:
            self._check(fps)
        self.indices = indices_at(self.info, fps)

    @property
    def frames(self) -> int:
        """The number of frames at this rate."""
        return len(self.indices)

    @property
    def fps(self) -> float | None:
        """Frames per second of the file; None for a folder."""
        return self.info.fps

    @property
    def values(self) -> StoredValues | None:
        """How an image series stores its values; None of any other video."""
        return self.info.values

    @property
    def has_every_frame(self) -> bool:
        """Whether each frame of the file is read exactly once."""
        return np.array_equal(self.indices, np.arange(self.info.frames))

    def read(self, start: int, frames: int) -> Tensor:
        """Frames start, start + 1, ... at this rate: (3, frames, h, w) uint8."""
        return read_covering(self.path, self.indices[start : start + frames], self.size, info=self.info)

    def last(self, frames: int) -> Tensor:
        """The last frames, or all if there are fewer: (3, up to frames, h, w) uint8."""
        frames = min(frames, self.frames)
        return self.read(self.frames - frames, frames)

    def runs(self, length: int) -> Iterator[Tensor]:
        """The whole video in pieces of at most `length` frames, (3, n, h, w) uint8 each."""
        for start in range(0, self.frames, length):
            yield self.read(start, min(length, self.frames - start))

    def _check(self, fps: float) -> None:
        seconds, frames = seconds_of(self.info), self.info.frames
        if seconds * fps > MOST_REPEATED * frames:
            raise InputError(
                f"{self.path} has {frames} frames in {seconds:.0f} s, which at {fps:g} frames per second would "
                f"be {seconds * fps:.0f}, almost all of them repeated",
                f"correct its timestamps, or use {self.info.fps:.3g} frames per second",
            )


def indices_at(info: VideoInfo, fps: float | None) -> np.ndarray:
    """The frames of a video, (n,) int64, that are nearest to times 1/fps apart; see `PacedVideo`."""
    if fps is None or info.fps is None:
        return np.arange(info.frames)
    shape = ClipShape(int(seconds_of(info) * fps) + 2, info.height, info.width, fps=fps)
    indices = shape.source_indices(0, info)
    return indices[indices < info.frames]


def seconds_of(info: VideoInfo) -> float:
    """The duration of a video with a frame rate; its last frame counts as long as the median frame."""
    if info.timeline:
        return float(info.timeline.seconds[-1]) + info.timeline.usual
    return info.frames / info.fps
