"""The clips of a shard, read from their videos: no frame is decoded twice, except where two windows overlap."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from pvdm.data.index import Video
from pvdm.data.latents.clip_grid import ClipGrid
from pvdm.data.latents.encoding_plan import LatentPlan, Shard
from pvdm.data.scenes.scene_videos import read_covering
from pvdm.video import Reader

WINDOW = 1 << 28
"""Most bytes of a window's frames, in the file's size or in the clip's, whichever is larger."""


class Window(NamedTuple):
    """The frames of a video that hold the clips of some rows: their indices, ascending."""

    video: Video
    rows: range
    indices: np.ndarray


@dataclass(frozen=True)
class WindowReader:
    """Reads the clips of a shard.

    Args:
        plan: Which clips there are.
        root: Folder that the plan's videos are relative to.
        workers: Threads that read windows ahead, 1 or more.
        reader: What decodes video files.
    """

    plan: LatentPlan
    root: Path
    workers: int = 1
    reader: Reader = "auto"

    def clips(self, shard: Shard) -> Iterator[Tensor]:
        """(3, t, h, w) uint8, the clips of the shard's rows in order, while later windows are being read."""
        pending = deque()
        with ThreadPoolExecutor(self.workers) as pool:
            for video, rows in self.plan.videos_in(shard):
                for window in windows(video, rows, self.plan.grid):
                    pending.append((window, pool.submit(self._read, window)))
                    if len(pending) > self.workers:
                        yield from self._cut(*pending.popleft())
            while pending:
                yield from self._cut(*pending.popleft())

    def _read(self, window: Window) -> Tensor:
        """(3, t, h, w) uint8."""
        path, size = self.root / window.video.path, (self.plan.clip.height, self.plan.clip.width)
        return read_covering(path, window.indices, size, info=window.video.info, reader=self.reader)

    def _cut(self, window: Window, frames: Future[Tensor]) -> Iterator[Tensor]:
        """The clips of a window's rows."""
        for row in window.rows:
            places = np.searchsorted(window.indices, self.plan.grid.frames(row, window.video.info))
            yield frames.result()[:, torch.from_numpy(places)]


def windows(video: Video, rows: range, grid: ClipGrid) -> Iterator[Window]:
    """Divides the rows of a video so that windows are bounded and clips that lie far apart are read one by one."""
    clip, info = grid.clip, video.info
    most = WINDOW // (3 * max(info.height * info.width, clip.height * clip.width))
    first = rows.start
    while first < rows.stop:
        indices, stop = np.unique(grid.frames(first, info)), first + 1
        while stop < rows.stop:
            following = np.unique(grid.frames(stop, info))
            together = np.union1d(indices, following)
            if following[0] - indices[-1] > clip.span(info) or len(together) > most:
                break
            indices, stop = together, stop + 1
        yield Window(video, range(first, stop), indices)
        first = stop
