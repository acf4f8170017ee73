"""Clips: which frames of a video they consist of, and reading them."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pvdm.errors import InputError
from pvdm.video.info import VideoInfo
from pvdm.video.reader import Reader, probe, read_covering
from pvdm.video.timeline import Timeline

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class ClipShape:
    """The frames, height and width of a clip, and its frame stride or its frames per second.

    With `loop`, a video is a cycle: its first frame follows its last one, so a clip may start anywhere and have any
    length. All frames of a clip of a still are its picture. `InputError` if a value is not positive, or if both
    `stride` and `fps` are set.
    """

    frames: int
    height: int
    width: int
    stride: int = 1
    fps: float | None = None
    loop: bool = False

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
        """Indices of the clip's frames in a video, (frames,) int64, starting with `start`.

        With `fps`, these are the frames nearest to the times 1 / fps, 2 / fps, ... after the first, the later one in a
        tie. Beyond the end of the video they are not valid indices, except with `loop`, where they wrap round.
        `InputError` if the video has no frame rate.
        """
        if timeline := self._timeline(info):
            return timeline.nearest(start, self.frames, self.fps, loop=self.loop)
        indices = start + _steps(self.frames, self._step(info))
        return indices % info.frames if self.loop else indices

    def span(self, info: VideoInfo) -> int:
        """The number of frames of a video from the first to the last of a clip that starts with the video.

        With `loop`, too, frames are counted as if the video went on.
        """
        if timeline := self._timeline(info):
            return int(timeline.nearest(0, self.frames, self.fps)[-1]) + 1
        return int(_steps(self.frames, self._step(info))[-1]) + 1

    def last_start(self, info: VideoInfo) -> int:
        """The last frame that the clip can start with so that it fits in the video; -1 if it does not fit."""
        if self.loop:
            self.span(info)  # which needs a frame rate
            return info.frames - 1
        if timeline := self._timeline(info):
            return timeline.last_start(self.frames, self.fps)
        return max(-1, info.frames - self.span(info))

    def fit_end_to_end(self, info: VideoInfo) -> int:
        """The number of such clips that fit in a video one after the other; with `loop` at least 1."""
        if self.loop:
            return max(1, replace(self, loop=False).fit_end_to_end(info))
        if timeline := self._timeline(info):
            return timeline.fit_end_to_end(self.frames, self.fps)
        return info.frames // self.span(info)

    def output_fps(self, info: VideoInfo, start: int | None = None) -> float | None:
        """Frames per second of the clip; None if the video has no frame rate, or is a still.

        With a stride in a video of variable rate, the rate of the clip from `start` on, or the mean without `start` or
        with `loop`.
        """
        if self.fps is not None:
            return self.fps
        if start is None or self.loop or info.timeline is None or self.frames < 2:
            return info.fps / self.stride if info.fps else None
        first, last = info.timeline.seconds[self.source_indices(start, info)[[0, -1]]].tolist()
        return (self.frames - 1) / (last - first) if last > first else info.fps / self.stride

    def longer(self, times: int) -> ClipShape:
        """The same shape with `times` as many frames."""
        return replace(self, frames=self.frames * times)

    def to_dict(self) -> dict[str, Any]:
        """The fields, JSON-able; without `loop` if it is not set, as records were before there was one."""
        return {name: value for name, value in asdict(self).items() if name != "loop" or value}

    def _timeline(self, info: VideoInfo) -> Timeline | None:
        """The times that frames are chosen by: only with `fps` and a variable rate; otherwise their numbers suffice."""
        return None if self.fps is None else info.timeline

    def _step(self, info: VideoInfo) -> float:
        if info.is_still:
            return 0
        if self.fps is None:
            return self.stride
        if info.fps is None:
            raise InputError(
                f"the clip has {self.fps} frames per second, but the video, which may be a folder of frames, "
                "has no frame rate",
                "set a stride instead of fps",
            )
        return info.fps / self.fps


@lru_cache(maxsize=1 << 10)  # a data set needs the span of each of its videos
def _steps(frames: int, step: float) -> np.ndarray:
    """(frames,) int64; shared by all callers, so read only."""
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
    """The clip that starts with frame `start`: (3, t, h, w) uint8 of the given shape.

    Frames are scaled to cover (height, width), cropped at `crop`, which is (y, x) in [0, 1] of the free space, and
    flipped left to right with `flip`. `InputError` if the video cannot be read or if the clip does not fit in it.
    """
    info = probe(path) if info is None else info
    if not 0 <= start <= shape.last_start(info):
        raise InputError(
            f"a clip of {shape.frames} frames from frame {start} on does not fit in {path}, which has {info.frames} "
            "frames",
            "start earlier, or use fewer frames or a smaller stride",
        )
    indices = shape.source_indices(start, info)
    video = read_covering(path, indices, (shape.height, shape.width), info=info, crop=crop, reader=reader)
    return video.flip(-1) if flip else video
