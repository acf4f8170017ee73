"""Single frames of a clip of a video file, for steps that look at pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from pvdm.video import VideoInfo, read_frames
from pvdm.video.reader import covering_pixels


@dataclass(frozen=True)
class ClipFrames:
    """A clip: the span [first, last] of a video file.

    Args:
        path: The video file; `file` is its path below the root of the heap, with slashes.
        info: What `probe` says of the file.
        first, last: The first and the last frame, from 0, inclusive.
        scores: What earlier steps say of the clip, by column.
    """

    path: Path
    info: VideoInfo
    first: int
    last: int
    file: str
    scores: Mapping[str, Any] = field(default_factory=dict)

    @property
    def frames(self) -> int:
        """The number of frames."""
        return self.last - self.first + 1

    @property
    def seconds(self) -> float:
        """The duration; 0 if the file records no rate."""
        return self.frames / self.info.fps if self.info.fps else 0.0

    def numbers(self, positions: Sequence[float]) -> np.ndarray:
        """The numbers of the frames at positions in [0, 1], from the first frame to the last: (n,) int64."""
        return self.first + np.rint(np.asarray(positions, np.float64) * (self.frames - 1)).astype(np.int64)

    def at(self, positions: Sequence[float], *, short_side: int | None = None) -> np.ndarray:
        """The frames at positions in [0, 1]: (n, h, w, 3) uint8 RGB, upright.

        With `short_side`, they are scaled to it unless the video is smaller. InputError if they cannot be decoded.
        """
        numbers = self.numbers(positions)
        own = min(self.info.height, self.info.width)
        if short_side is None or short_side >= own:
            return read_frames(self.path, numbers, info=self.info)
        size = round(self.info.height * short_side / own), round(self.info.width * short_side / own)
        return np.ascontiguousarray(np.moveaxis(covering_pixels(self.path, numbers, size, info=self.info), 0, -1))
