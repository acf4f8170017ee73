"""Which clips of a video are encoded once for all, and which of them make up a sample."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pvdm.video import ClipShape, VideoInfo


@dataclass(frozen=True)
class ClipGrid:
    """The clips of samples that begin at every `stride`-th frame, in rows, by their samples' first frames.

    A sample is two clips on end, a context and a target. Where the target of each is the context of a later one, the
    rows are the clips themselves; where it is not, for the stride does not divide a clip's length, frames are taken by
    time or the video is short, contexts and targets take turns. A video without room for a context has rows of single
    clips.
    """

    clip: ClipShape
    stride: int

    def has_context(self, info: VideoInfo) -> bool:
        """Whether a context and a target fit into the video."""
        return self.clip.longer(2).span(info) <= info.frames

    def rows(self, info: VideoInfo) -> int:
        """How many clips of a video there are."""
        starts, lag = self._starts(info), self._lag(info)
        return 2 * starts if lag is None else starts + lag

    def frames(self, row: int, info: VideoInfo) -> np.ndarray:
        """Indices of the frames of a clip in its video, (t,) int64."""
        if self._lag(info) is not None:
            return row * self.stride + self.clip.source_indices(0, info)
        start, part = divmod(row, 2)
        return start * self.stride + self._pair(info)[part]

    def nearest(self, start: int, info: VideoInfo) -> int:
        """The first frame of the sample that begins nearest to a frame."""
        return min((start + self.stride // 2) // self.stride, self._starts(info) - 1) * self.stride

    def sample(self, start: int, info: VideoInfo) -> tuple[int | None, int]:
        """Rows of the context, None if there is none, and of the target of the sample that begins at `start`."""
        place, lag = start // self.stride, self._lag(info)
        if not self.has_context(info):
            return None, place
        return (2 * place, 2 * place + 1) if lag is None else (place, place + lag)

    def _starts(self, info: VideoInfo) -> int:
        """How many samples there are."""
        shape = self.clip.longer(2) if self.has_context(info) else self.clip
        return (info.frames - shape.span(info)) // self.stride + 1

    def _lag(self, info: VideoInfo) -> int | None:
        """By how many rows the target is behind the context, 0 without a context; None where they take turns."""
        if not self.has_context(info):
            return 0
        context, target = self._pair(info)
        lag, rest = divmod(int(target[0]), self.stride)
        is_later_context = rest == 0 and lag <= self._starts(info) and np.array_equal(target - target[0], context)
        return lag if is_later_context else None

    def _pair(self, info: VideoInfo) -> tuple[np.ndarray, np.ndarray]:
        """The frames of context and target of the first sample."""
        indices = self.clip.longer(2).source_indices(0, info)
        return indices[: self.clip.frames], indices[self.clip.frames :]
