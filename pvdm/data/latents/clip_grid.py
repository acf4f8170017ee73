"""The encoded clips of a video, and those that make up a sample."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from pvdm.video import ClipShape, VideoInfo


@dataclass(frozen=True)
class ClipGrid:
    """The clips of the samples that start at every `stride`-th frame, in rows, in the order of their first frames.

    A sample is two consecutive clips, a context and a target. If the target of each sample is the context of a later
    one, each row is a clip, stored once. If not, because the stride does not divide the length of a clip, frames are
    taken by time or the video is short, rows of contexts and of targets alternate. A video too short for a context has
    rows of single clips.
    """

    clip: ClipShape
    stride: int

    def rows(self, info: VideoInfo) -> int:
        """How many clips a video has."""
        starts, lag, _ = self._layout(info)
        if lag is None:
            return 2 * starts
        return starts if self.clip.loop else starts + lag

    def frames(self, row: int, info: VideoInfo) -> np.ndarray:
        """Indices of the frames of a clip in its video, (t,) int64."""
        if self._layout(info).lag is not None:
            return self.clip.source_indices(row * self.stride, info)
        start, is_target = divmod(row, 2)
        return _pair(self.clip, info, start * self.stride)[is_target]

    def nearest(self, start: int, info: VideoInfo) -> int:
        """The first frame of the sample that starts nearest to a frame."""
        return min((start + self.stride // 2) // self.stride, self._layout(info).starts - 1) * self.stride

    def sample(self, start: int, info: VideoInfo) -> tuple[int | None, int]:
        """The rows of the context, None if there is none, and of the target of the sample that starts at `start`."""
        place, (_, lag, has_context) = start // self.stride, self._layout(info)
        if not has_context:
            return None, place
        if lag is None:
            return 2 * place, 2 * place + 1
        return place, (place + lag) % self.rows(info)  # only of a loop is the target ever an earlier row

    def _layout(self, info: VideoInfo) -> _Layout:
        span = info.first_frame if info.times else 0
        return _layout(self.clip, self.stride, info.frames, info.fps, info.times, span)


class _Layout(NamedTuple):
    """How many samples a video has, and how many rows lie between the context and the target of each.

    `lag` is 0 without a context, and None if contexts and targets alternate. Of a loop, row 0 follows the last one.
    """

    starts: int
    lag: int | None
    has_context: bool


@lru_cache(maxsize=1 << 16)
def _layout(clip: ClipShape, stride: int, frames: int, fps: float | None, times: str | None, first: int) -> _Layout:
    """Cached, since many of a million videos have the same length."""
    info = VideoInfo(frames, 1, 1, fps, times=times, first_frame=first)
    last = clip.longer(2).last_start(info)
    if last < 0:
        return _Layout(clip.last_start(info) // stride + 1, 0, False)
    starts = last // stride + 1
    if clip.fps is not None and times is not None:
        return _Layout(starts, None, True)
    context, target = _pair(replace(clip, loop=False), info)
    lag, rest = divmod(int(target[0]), stride)
    is_there = frames % stride == 0 if clip.loop else lag <= starts
    is_later_context = rest == 0 and is_there and np.array_equal(target - target[0], context)
    return _Layout(starts, lag if is_later_context else None, True)


def _pair(clip: ClipShape, info: VideoInfo, start: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """The frames of the context and of the target of the sample that starts at `start`."""
    indices = clip.longer(2).source_indices(start, info)
    return indices[: clip.frames], indices[clip.frames :]
