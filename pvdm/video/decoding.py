"""Video files by PyAV: frames found by their times, hence exact in every file, and no more decoded than needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from pvdm.video.info import VideoInfo
from pvdm.video.packets import PacketIndex, open_container, packet_index, undecodable, video_stream
from pvdm.video.transform import covering_size, cut

PACKED = 2  # B-frames in a row, as DivX and XviD pack them
Pixels = Callable[[av.VideoFrame], Any]


def probe(path: Path) -> VideoInfo:
    """Indexes the packets and decodes the first frame; `InputError` if that fails."""
    index = packet_index(path)
    try:
        with open_container(path) as container:
            stream = video_stream(container, path)
            first = next(container.decode(stream), None)
            rate = stream.average_rate or stream.guessed_rate
    except av.error.FFmpegError as error:
        raise undecodable(path, error.strerror) from error
    if first is None or not index.frames:
        raise undecodable(path, "it holds no frame")
    height, width = _size_as_shown(first)
    return VideoInfo(index.frames, height, width, float(rate) if rate else None, index.pack())


def read(path: Path, indices: np.ndarray, index: PacketIndex) -> np.ndarray:
    """indices: increasing, in range -> (t, h, w, 3) uint8 RGB; `InputError` if one cannot be decoded."""
    return np.stack(_frames(path, indices, index, _Interleaved()))


def read_covering(
    path: Path, indices: np.ndarray, index: PacketIndex, size: tuple[int, int], crop: tuple[float, float]
) -> np.ndarray:
    """The same, scaled to cover `size` and cropped to it -> (3, t, *size) uint8 RGB, contiguous.

    Scaling (bilinear, antialiased) and conversion from the file's colours are one pass, without rounding between.
    """
    video = np.empty((3, len(indices), *size), np.uint8)
    for i, planes in enumerate(_frames(path, indices, index, _Covering(size, crop))):
        for channel, plane in zip(video, planes, strict=True):
            channel[i] = plane
    return video


class _Interleaved:
    """A frame as it is shown -> (h, w, 3) uint8."""

    def __init__(self) -> None:
        self._convert = VideoReformatter()  # what it works out for the first frame serves the others

    def __call__(self, frame: av.VideoFrame) -> np.ndarray:
        return _upright(self._convert.reformat(frame, format="rgb24", threads=1).to_ndarray(), frame)


class _Covering:
    """A frame as it is shown -> its red, green and blue, each of `size`, uint8, scaled to cover that and cropped.

    They are views of the scaled frame, which so is copied only once.
    """

    def __init__(self, size: tuple[int, int], crop: tuple[float, float]) -> None:
        self.size, self.crop = size, crop
        self._convert = VideoReformatter()

    def __call__(self, frame: av.VideoFrame) -> tuple[np.ndarray, ...]:
        height, width = covering_size(*_size_as_shown(frame), *self.size)
        if _turns(frame) % 2:
            height, width = width, height
        planes = (_upright(plane, frame) for plane in self._planes(frame, height, width))
        return tuple(cut(plane, self.size, self.crop) for plane in planes)

    def _planes(self, frame: av.VideoFrame, height: int, width: int) -> Sequence[np.ndarray]:
        """Red, green and blue: (height, width) each."""
        if (height, width) == (frame.height, frame.width):
            # Not to planes: without scaling FFmpeg writes only whole groups of 8 of their columns.
            pixels = self._convert.reformat(frame, format="rgb24", threads=1).to_ndarray()
            return np.moveaxis(pixels, -1, 0)
        scaled = self._convert.reformat(frame, width, height, "gbrp", interpolation="BILINEAR", threads=1)
        planes = [np.frombuffer(plane, np.uint8).reshape(height, plane.line_size) for plane in scaled.planes]
        green, blue, red = (plane[:, :width] for plane in planes)
        return red, green, blue


def _frames(path: Path, indices: np.ndarray, index: PacketIndex, pixels: Pixels) -> list[Any]:
    """The pixels of each index."""
    try:
        with open_container(path) as container:
            stream = video_stream(container, path)
            frames = dict(_seek_and_decode(container, stream, index, indices, pixels))
            if len(frames) < len(indices):
                # An entry point did not lead to its frames, as after an H.264 recovery point.
                frames = dict(_decode_from_start(container, stream, index, indices, pixels))
    except av.error.FFmpegError as error:
        raise undecodable(path, error.strerror) from error
    missing = [int(i) for i in indices if i not in frames]
    if missing:
        raise undecodable(path, f"frame {missing[0]} is damaged")
    return [frames[i] for i in indices.tolist()]


def _seek_and_decode(
    container: av.container.InputContainer,
    stream: av.video.stream.VideoStream,
    index: PacketIndex,
    indices: np.ndarray,
    pixels: Pixels,
) -> Iterator[tuple[int, Any]]:
    """Yields (index, frame) for the frames found after the entry points before them."""
    if index.clock is None:
        return
    for key, run in index.runs(indices):
        wanted = {int(index.times[i]): i for i in run}
        container.seek(int(index.seeks[key]), stream=stream)
        for frame in decode(container, stream, index, _needed(index, run)):
            time = frame_time(frame, index)
            if time in wanted:
                yield wanted.pop(time), pixels(frame)
            if not wanted:
                break


def decode(
    container: av.container.InputContainer,
    stream: av.video.stream.VideoStream,
    index: PacketIndex,
    needed: set[int],
) -> Iterator[av.VideoFrame]:
    """The frames from here on, less those of other times on which no others depend (most B-frames)."""
    for packet in container.demux(stream):
        time = getattr(packet, index.clock)
        stream.codec_context.skip_frame = "DEFAULT" if time is None or time in needed else "NONREF"
        yield from packet.decode()


def _needed(index: PacketIndex, wanted: list[int]) -> set[int]:
    """The times of the frames that must be decoded for the wanted ones, beside those which others depend on.

    In packed AVI a B-frame is lost with one before it that is left out.
    """
    before = PACKED if index.clock == "dts" else 0
    return {int(time) for i in wanted for time in index.times[max(i - before, 0) : i + 1]}


def frame_time(frame: av.VideoFrame, index: PacketIndex) -> int | None:
    """By the clock of the index; no packet completes the last frame of a file, which so has no time by "dts"."""
    time = getattr(frame, index.clock)
    return int(index.times[-1]) if time is None and index.clock == "dts" else time


def _decode_from_start(
    container: av.container.InputContainer,
    stream: av.video.stream.VideoStream,
    index: PacketIndex,
    indices: np.ndarray,
    pixels: Pixels,
) -> Iterator[tuple[int, Any]]:
    """Yields (index, frame), counted in the order of display."""
    stream.codec_context.skip_frame = "DEFAULT"
    container.seek(int(index.seeks[0]), stream=stream)
    wanted = set(indices.tolist())
    for i, frame in enumerate(container.decode(stream)):
        if i in wanted:
            yield i, pixels(frame)
        if i >= indices[-1]:
            break


def _size_as_shown(frame: av.VideoFrame) -> tuple[int, int]:
    """(height, width)"""
    size = frame.height, frame.width
    return size[::-1] if _turns(frame) % 2 else size


def _upright(pixels: np.ndarray, frame: av.VideoFrame) -> np.ndarray:
    """Turned as the file's display matrix demands (telephones film sideways)."""
    turns = _turns(frame)
    return np.rot90(pixels, k=turns) if turns else pixels


def _turns(frame: av.VideoFrame) -> int:
    """Quarters of a circle to the left."""
    return round(frame.rotation / 90) % 4
