"""Clips: which frames of a video they are, and how they are read."""

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from torch import Tensor

from pvdm.errors import InputError
from pvdm.video.info import VideoInfo
from pvdm.video.reader import Reader, probe, read_covering


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
                raise InputError(f"the clip's {name} is {value}; give a positive number")
        if self.fps is not None and self.stride != 1:
            raise InputError(
                f"the clip has both stride {self.stride} and fps {self.fps}; set one and leave out the other"
            )

    def source_indices(self, start: int, info: VideoInfo) -> np.ndarray:
        """Indices of the clip's frames in a video, (frames,) int64, of which the first is `start`.

        With `fps`, the nearest frame in time; `InputError` if the video does not know its own rate.
        """
        return start + _steps(self.frames, self._step(info))

    def span(self, info: VideoInfo) -> int:
        """How many frames of a video the clip covers, from its first to its last."""
        return int(_steps(self.frames, self._step(info))[-1]) + 1

    def output_fps(self, info: VideoInfo) -> float | None:
        """Frames per second of the clip; None if the video does not know its own rate."""
        if self.fps is not None:
            return self.fps
        return None if info.fps is None else info.fps / self.stride

    def longer(self, times: int) -> "ClipShape":
        """The same clip with `times` as many frames."""
        return replace(self, frames=self.frames * times)

    def _step(self, info: VideoInfo) -> float:
        if self.fps is None:
            return self.stride
        if info.fps is None:
            raise InputError(
                f"the clip wants {self.fps} frames per second, but the video is a folder of frames, "
                "which has no frame rate; set a stride instead of fps"
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
    indices = shape.source_indices(start, info)
    if start < 0 or indices[-1] >= info.frames:
        raise InputError(
            f"a clip of frames {start} to {indices[-1]} was asked for, but {path} has {info.frames} frames; "
            "start earlier, or make the clip or its stride shorter"
        )
    video = read_covering(path, indices, (shape.height, shape.width), info=info, crop=crop, reader=reader)
    return video.flip(-1) if flip else video
