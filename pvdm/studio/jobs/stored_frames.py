"""The frames of an uploaded video as a plain file, so that nothing is decoded in the thread that owns the model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pvdm.errors import InputError


@dataclass(frozen=True)
class StoredFrames:
    """Frames (3, n, h, w) uint8 in a file, read part by part.

    Args:
        path: The file.
        frames: Their number.
        size: (height, width).
        fps: Their rate; None if it is not known.
        missing: The numbers of those that are to be made anew.
    """

    path: Path
    frames: int
    size: tuple[int, int]
    fps: float | None
    missing: frozenset[int] = frozenset()

    @classmethod
    def store(
        cls, path: Path, parts: Iterable[Tensor], *, fps: float | None, missing: Iterable[int] = ()
    ) -> StoredFrames:
        """Writes frames, given in parts (3, n, h, w) uint8; InputError if there are none."""
        count, size = 0, (0, 0)
        with path.open("xb") as file:
            for part in parts:
                count, size = count + part.shape[1], tuple(part.shape[2:])
                file.write(part.movedim(1, 0).contiguous().numpy().data)
        if not count:
            raise InputError("the video has no frame", "send another one")
        return cls(path, count, size, fps, frozenset(missing))

    def read(self, start: int, frames: int) -> Tensor:
        """Frames start, start + 1, ...: (3, up to frames, h, w) uint8."""
        whole = np.memmap(self.path, np.uint8, "r", shape=(self.frames, 3, *self.size))
        return torch.from_numpy(whole[start : start + frames].copy()).movedim(0, 1).contiguous()

    def last(self, frames: int) -> Tensor:
        """The last frames, or all if there are fewer: (3, up to frames, h, w) uint8."""
        return self.read(max(0, self.frames - frames), frames)

    def runs(self, length: int) -> Iterator[Tensor]:
        """All of them in pieces of at most `length` frames, (3, n, h, w) uint8 each."""
        return (self.read(start, length) for start in range(0, self.frames, length))
