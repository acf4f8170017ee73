"""Video files by PyAV: frames found by their times, hence exact in every file, and no more decoded than needed."""

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

PACKED = 2  # B-frames in a row, as DivX and XviD pack them
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
    """indices: increasing, in range -> (t, h, w, 3) uint8 RGB; `InputError` if one cannot be decoded."""
    return np.stack(_frames(path, indices, index, Picture))


def read_covering(
    path: Path, indices: np.ndarray, index: PacketIndex, size: tuple[int, int], crop: tuple[float, float]
) -> np.ndarray:
    """The same, scaled to cover `size` and cropped to it -> (3, t, *size) uint8 RGB, contiguous.

    Scaling (bilinear, antialiased) and conversion from the file's colours are one pass, without rounding between.
    """
    video = np.empty((3, len(indices), *size), np.uint8)
    picture = partial(CoveringPicture, size=size, crop=crop)
    for i, planes in enumerate(_frames(path, indices, index, picture)):
        for channel, plane in zip(video, planes, strict=True):
            channel[i] = plane
    return video


def _frames(path: Path, indices: np.ndarray, index: PacketIndex, picture: Callable[..., Picture]) -> list[Any]:
    """The pixels of each index."""
    try:
        with open_container(path) as container:
            stream = video_stream(container, path)
            pixels = picture(path, stream)
            frames = dict(_seek_and_decode(container, stream, index, indices, pixels))
        if len(frames) < len(indices):
            # An entry point did not lead to its frames, as after an H.264 recovery point, or there is damage.
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
    """Yields (index, frame) for the frames found after the entry points before them, up to damage."""
    if index.clock is None:
        return
    for key, run in index.runs(indices):
        wanted = {int(index.times[i]): i for i in run}
        if key:  # a file that was just opened is at its start, to which not every file can be sought back
            container.seek(int(index.seeks[key]), stream=stream)
        frames = _up_to_error(decode(container, stream, index, _needed(index, run)), stream)
        for time, frame in _from_entry(frames, index, key):
            if frame.is_corrupt:
                return
            if time in wanted:
                yield wanted.pop(time), pixels(frame)
            if not wanted:
                break


def _from_entry(
    frames: Iterator[av.VideoFrame], index: PacketIndex, key: int
) -> Iterator[tuple[int | None, av.VideoFrame]]:
    """(time, frame) from an entry point on, or nothing if the decoder does not take it for one.

    From where H.264 is refreshed little by little, decoders show frames that are not whole yet.
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
    """Those before data that the decoder refuses, with those that it still holds."""
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
    """Yields (index, frame), but not for frames that damage is seen in.

    It spreads from one to all that follow, up to the next that needs no other.
    """
    wanted, damaged = set(indices.tolist()), False
    for i, frame in _numbered(container.decode(stream), stream, index):
        damaged = frame.is_corrupt or (damaged and not frame.key_frame)
        if i in wanted and not damaged:
            yield i, pixels(frame)
        if i >= indices[-1]:
            break


def _numbered(
    frames: Iterator[av.VideoFrame], stream: av.video.stream.VideoStream, index: PacketIndex
) -> Iterator[tuple[int, av.VideoFrame]]:
    """(index, frame) up to an error: by their times, or if these do not tell, counted."""
    if index.clock is None:
        with suppress(av.error.InvalidDataError):
            yield from enumerate(frames)
        return
    numbers = {time: i for i, time in enumerate(index.times.tolist())}
    for frame in _up_to_error(frames, stream):
        if (time := frame_time(frame, index)) in numbers:
            yield numbers[time], frame
