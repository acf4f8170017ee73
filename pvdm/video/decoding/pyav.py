"""PyAV for all video files: frames are identified by time, hence exact, and only those needed are decoded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import av
import numpy as np

from pvdm.video.decoding.packets import (
    PacketIndex,
    display_times,
    open_container,
    packet_index,
    undecodable,
    video_stream,
)
from pvdm.video.decoding.picture import CoveringPicture, Picture
from pvdm.video.info import VideoInfo
from pvdm.video.timeline import rate_and_times

PACKED = 2  # consecutive B-frames, as DivX and XviD pack them
Pixels = Callable[[av.VideoFrame], Any]


def probe(path: Path) -> VideoInfo:
    """Indexes the packets and decodes the first frame; `InputError` if that fails."""
    index = packet_index(path)
    try:
        with open_container(path) as container:
            stream = video_stream(container, path)
            first = next(container.decode(stream), None)
            if first is None or not index.frames:
                raise undecodable(path, "it holds no frame")
            size = Picture(path, stream).size(first)
            ticks, tick = display_times(path, index), stream.time_base
            fps, times = rate_and_times(ticks, tick, (stream.average_rate, stream.guessed_rate))
    except av.error.FFmpegError as error:
        raise undecodable(path, error.strerror) from error
    return VideoInfo(index.frames, *size, fps, index.pack(), times)


def read(path: Path, indices: np.ndarray, index: PacketIndex) -> np.ndarray:
    """The frames at increasing indices, in range: (t, h, w, 3) uint8 RGB; `InputError` if one cannot be decoded."""
    return np.stack(_frames(path, indices, index, Picture))


def read_covering(
    path: Path, indices: np.ndarray, index: PacketIndex, size: tuple[int, int], crop: tuple[float, float]
) -> np.ndarray:
    """The same, scaled to cover `size` and cropped: (3, t, *size) uint8 RGB, contiguous.

    Scaling (bilinear, antialiased) and color conversion are one pass, without intermediate rounding.
    """
    video = np.empty((3, len(indices), *size), np.uint8)
    picture = partial(CoveringPicture, size=size, crop=crop)
    for i, planes in enumerate(_frames(path, indices, index, picture)):
        for channel, plane in zip(video, planes, strict=True):
            channel[i] = plane
    return video


def scan(
    path: Path, first: int, last: int, index: PacketIndex, picture: Callable[..., Callable[[av.VideoFrame], Any]]
) -> Iterator[tuple[int, Any]]:
    """Yields (number, pixels) of the frames from `first` to `last`, inclusive, in one pass; damaged ones are left out.

    picture: Makes, of the path and the stream, what turns a frame into pixels.
    """
    wanted = np.arange(first, last + 1)
    try:
        while len(wanted):
            reached = None
            with open_container(path) as container:
                stream = video_stream(container, path)
                pixels = picture(path, stream)
                for reached, content in _seek_and_decode(container, stream, index, wanted, pixels):
                    yield reached, content
            if reached is None:  # its key is none, or times do not identify frames
                with open_container(path) as container:
                    stream = video_stream(container, path)
                    yield from _decode_from_start(container, stream, index, wanted, picture(path, stream))
                return
            later = index.keys[index.keys > reached]
            wanted = np.arange(later[0] if len(later) else last + 1, last + 1)
    except av.error.FFmpegError as error:
        raise undecodable(path, error.strerror) from error


def _frames(path: Path, indices: np.ndarray, index: PacketIndex, picture: Callable[..., Picture]) -> list[Any]:
    """The pixels of each index."""
    try:
        with open_container(path) as container:
            stream = video_stream(container, path)
            pixels = picture(path, stream)
            frames = dict(_seek_and_decode(container, stream, index, indices, pixels))
        if len(frames) < len(indices):
            # A key did not lead to its frames, as at a recovery point of H.264, or there is damage.
            with open_container(path) as container:
                stream = video_stream(container, path)
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
    """Yields (index, pixels) of the frames that are found from the keys before them, up to damage."""
    if index.clock is None:
        return
    for key, run in index.runs(indices):
        missing = {int(index.times[i]): i for i in run}
        if key:  # an opened file is at its start already, and not every file can seek back to it
            container.seek(int(index.seeks[key]), stream=stream)
        frames = _up_to_error(decode(container, stream, index, _needed(index, run)), stream)
        for time, frame in _from_entry(frames, index, key):
            if frame.is_corrupt:
                return
            if time in missing:
                yield missing.pop(time), pixels(frame)
            if not missing:
                break


def _from_entry(
    frames: Iterator[av.VideoFrame], index: PacketIndex, key: int
) -> Iterator[tuple[int | None, av.VideoFrame]]:
    """(time, frame) from a key on, or nothing if the decoder does not treat it as one.

    At a gradual refresh of H.264, decoders return frames that are not complete yet.
    """
    entry, begun = int(index.times[index.keys[key]]), not key
    for frame in frames:
        time = frame_time(frame, index)
        begun = begun or (time == entry and frame.key_frame)
        if time is not None and time >= entry:
            if not begun:
                return
            yield time, frame


def _up_to_error(frames: Iterator[av.VideoFrame], stream: av.video.stream.VideoStream) -> Iterator[av.VideoFrame]:
    """The frames before data that the decoder rejects, including those that it still holds."""
    try:
        yield from frames
    except av.error.InvalidDataError:
        yield from stream.codec_context.decode(None)


def decode(
    container: av.container.InputContainer,
    stream: av.video.stream.VideoStream,
    index: PacketIndex,
    needed: set[int],
) -> Iterator[av.VideoFrame]:
    """The frames from here on, without those that are not needed and that no other depends on (most B-frames)."""
    for packet in container.demux(stream):
        time = getattr(packet, index.clock)
        stream.codec_context.skip_frame = "DEFAULT" if time is None or time in needed else "NONREF"
        yield from packet.decode()


def _needed(index: PacketIndex, indices: list[int]) -> set[int]:
    """The times of the frames that must be decoded for these indices, beside the frames that others depend on.

    In packed AVI a B-frame is lost if the one before it is skipped.
    """
    before = PACKED if index.clock == "dts" else 0
    return {int(time) for i in indices for time in index.times[max(i - before, 0) : i + 1]}


def frame_time(frame: av.VideoFrame, index: PacketIndex) -> int | None:
    """The time by the clock of the index; the last frame has no "dts", because no packet completes it."""
    time = getattr(frame, index.clock)
    return int(index.times[-1]) if time is None and index.clock == "dts" else time


def _decode_from_start(
    container: av.container.InputContainer,
    stream: av.video.stream.VideoStream,
    index: PacketIndex,
    indices: np.ndarray,
    pixels: Pixels,
) -> Iterator[tuple[int, Any]]:
    """Yields (index, pixels) of the frames without visible damage.

    Damage spreads to all following frames up to the next key frame.
    """
    needed, damaged = set(indices.tolist()), False
    for i, frame in _numbered(container.decode(stream), stream, index):
        damaged = frame.is_corrupt or (damaged and not frame.key_frame)
        if i in needed and not damaged:
            yield i, pixels(frame)
        if i >= indices[-1]:
            break


def _numbered(
    frames: Iterator[av.VideoFrame], stream: av.video.stream.VideoStream, index: PacketIndex
) -> Iterator[tuple[int, av.VideoFrame]]:
    """(index, frame) up to an error, identified by time, or counted if times do not identify frames."""
    if index.clock is None:
        with suppress(av.error.InvalidDataError):
            yield from enumerate(frames)
        return
    numbers = {time: i for i, time in enumerate(index.times.tolist())}
    for frame in _up_to_error(frames, stream):
        if (time := frame_time(frame, index)) in numbers:
            yield numbers[time], frame
