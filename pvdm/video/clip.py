"""Clips: which frames of a video they are, and how they are read."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pvdm.errors import InputError
from pvdm.video.info import VideoInfo
from pvdm.video.reader import Reader, probe, read_covering
from pvdm.video.timeline import Timeline

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class ClipShape:
    """Frames, height and width of a clip, and its pace: every `stride`-th frame, or `fps` per second.

    `InputError` if a value is not positive or both `stride` and `fps` are set.
    """

    frames: int
    height: int
    width: int
    stride: int = 1
    fps: float | None = None

    def __post_init__(self) -> None:
        for name in ("frames", "height", "width", "stride", "fps"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise InputError(f"the clip's {name} is {value}", "give a positive number")
        if self.fps is not None and self.stride != 1:
            raise InputError(
                f"the clip has both stride {self.stride} and fps {self.fps}",
                "set one and leave out the other",
            )

    def source_indices(self, start: int, info: VideoInfo) -> np.ndarray:
        """Indices of the clip's frames in a video, (frames,) int64, of which the first is `start`.

        With `fps`, the frames nearest to the instants 1 / fps, 2 / fps, ... after the first; of two equally near the
        later, and an index that there is not behind the end of the video. `InputError` if the video does not know its
        own rate.
        """
        if timeline := self._timeline(info):
            return timeline.nearest(start, self.frames, self.fps)
        return start + _steps(self.frames, self._step(info))

    def span(self, info: VideoInfo) -> int:
        """How many frames of a video the clip covers, from its first to its last, if it begins with the video."""
        if self._timeline(info):
            return int(self.source_indices(0, info)[-1]) + 1
        return int(_steps(self.frames, self._step(info))[-1]) + 1

    def last_start(self, info: VideoInfo) -> int:
        """The last frame of a video that the clip may begin with, if all of it is to lie in the video; else -1."""
        if timeline := self._timeline(info):
            return timeline.last_start(self.frames, self.fps)
        return max(-1, info.frames - self.span(info))

    def fit_end_to_end(self, info: VideoInfo) -> int:
        """How many such clips have room in a video one after the other."""
        if timeline := self._timeline(info):
            return timeline.fit_end_to_end(self.frames, self.fps)
        return info.frames // self.span(info)

    def output_fps(self, info: VideoInfo, start: int | None = None) -> float | None:
        """Frames per second of the clip; None if the video does not know its own rate.

        With a stride it is, in a video of variable rate, that from `start` on, or without it the mean.
        """
        if self.fps is not None:
            return self.fps
        if start is None or info.timeline is None or self.frames < 2:
            return None if info.fps is None else info.fps / self.stride
        first, last = info.timeline.seconds[self.source_indices(start, info)[[0, -1]]].tolist()
        return (self.frames - 1) / (last - first) if last > first else info.fps / self.stride

    def longer(self, times: int) -> ClipShape:
        """The same clip with `times` as many frames."""
        return replace(self, frames=self.frames * times)

    def _timeline(self, info: VideoInfo) -> Timeline | None:
        """That by which frames are chosen: with `fps`, where the video's rate varies; elsewhere numbers do as well."""
        return None if self.fps is None else info.timeline

    def _step(self, info: VideoInfo) -> float:
        if self.fps is None:
            return self.stride
        if info.fps is None:
            raise InputError(
                f"the clip wants {self.fps} frames per second, but the video, which may be a folder of frames, "
                "has no frame rate",
                "set a stride instead of fps",
            )
        return info.fps / self.fps


@lru_cache(maxsize=1 << 10)  # a data set asks for its span as often as it has videos
def _steps(frames: int, step: float) -> np.ndarray:
    """(frames,) int64; not to be written to."""
    return np.floor(np.arange(frames, dtype=np.float64) * step + 0.5).astype(np.int64)


def read_clip(
    path: str | Path,
    shape: ClipShape,
    start: int = 0,
    *,
    info: VideoInfo | None = None,
    crop: tuple[float, float] = (0.5, 0.5),
    flip: bool = False,
    reader: Reader = "auto",
) -> Tensor:
    """The clip that begins with frame `start` -> (3, t, h, w) uint8 of the given shape.

    Frames are scaled to cover (height, width) and cropped at `crop` ((y, x) in [0, 1] of the free room),
    and turned left to right with `flip`. `InputError` if unreadable or if the clip leaves the video.
    """
    info = probe(path) if info is None else info
    if not 0 <= start <= shape.last_start(info):
        raise InputError(
            f"a clip of {shape.frames} frames from frame {start} on was asked for, but {path} has {info.frames} frames",
            "start earlier, or make the clip or its stride shorter",
        )
    indices = shape.source_indices(start, info)
    video = read_covering(path, indices, (shape.height, shape.width), info=info, crop=crop, reader=reader)
    return video.flip(-1) if flip else video
