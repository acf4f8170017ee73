"""One pass over the frames of a video, each small, and some of them large."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import av
import numpy as np

from pvdm.video.decoding.damage import damage_named
from pvdm.video.decoding.packets import PacketIndex, packet_index
from pvdm.video.decoding.picture import Picture
from pvdm.video.decoding.pyav import frame_time, scan
from pvdm.video.info import VideoInfo

SMALL, LARGE = 90, 256


@dataclass(frozen=True)
class ScannedFrame:
    """A frame of a scan.

    Args:
        number: Counted from 0.
        small: (h, w, 3) uint8 BGR, upright, with a short side of `SMALL` or the video's own if that is less.
        picture: (h, w, 3) uint8 RGB, upright, with a short side of `LARGE` or less; None but for samples.
        luma: (H, W) uint8, the native luma plane, not turned; None but for samples.
    """

    number: int
    small: np.ndarray
    picture: np.ndarray | None = None
    luma: np.ndarray | None = None


def scan_frames(
    path: str | Path, info: VideoInfo, first: int, last: int, *, samples: Collection[int] = ()
) -> Iterator[ScannedFrame]:
    """The frames from `first` to `last`, inclusive, in their order; damaged ones are left out.

    `samples` are the numbers of the frames that are also returned large. InputError if the file cannot be read at all.
    """
    path = Path(path)
    with damage_named(path):
        index = (PacketIndex.unpack(info.index) if info.index else None) or packet_index(path)
    picture = partial(_ScanPicture, large_times=_times(index, samples), index=index)
    with damage_named(path):
        for number, (small, large, luma) in scan(path, first, last, index, picture):
            is_sample = number in samples
            yield ScannedFrame(number, small, large if is_sample else None, luma if is_sample else None)


def _times(index: PacketIndex, samples: Collection[int]) -> frozenset[int] | None:
    """The times of the samples; None if times do not identify frames, so that each may be one."""
    return None if index.clock is None else frozenset(index.times[sorted(samples)].tolist())


class _ScanPicture(Picture):
    """Frames small, and large at some times."""

    def __init__(
        self, path: Path, stream: av.video.stream.VideoStream, *, large_times: frozenset[int] | None, index: PacketIndex
    ) -> None:
        super().__init__(path, stream)
        self._large_times, self._index = large_times, index

    def __call__(self, frame: av.VideoFrame) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None]:
        upright = self._orientation(frame)
        small = upright(self._scaled(frame, *self._shrunk(frame, SMALL), "bgr24").to_ndarray())
        if self._large_times is not None and frame_time(frame, self._index) not in self._large_times:
            return small, None, None
        large = upright(self._pixels(self._whole(frame), *self._shrunk(frame, LARGE)))
        luma = self._scaled(frame, frame.height, frame.width, "gray").to_ndarray()
        return small, large, luma

    def _shrunk(self, frame: av.VideoFrame, short_side: int) -> tuple[int, int]:
        """The stored (height, width) of the frame displayed with this short side, or its own if that is less."""
        height, width = self.size(frame)
        factor = min(1.0, short_side / min(height, width))
        size = max(1, round(height * factor)), max(1, round(width * factor))
        return size[::-1] if self._orientation(frame).transposed else size
