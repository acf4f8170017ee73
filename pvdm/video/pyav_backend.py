"""Video files by PyAV: frames found by their timestamps, hence exact in every file."""

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np

from pvdm.video.info import VideoInfo
from pvdm.video.packets import PacketIndex, open_container, packet_index, undecodable, video_stream


def probe(path: Path) -> VideoInfo:
    """Counts the frames and decodes the first; `InputError` if that fails."""
    frames = packet_index(path).frames
    try:
        with open_container(path) as container:
            stream = video_stream(container, path)
            first = next(container.decode(stream), None)
            rate = stream.average_rate or stream.guessed_rate
    except av.error.FFmpegError as error:
        raise undecodable(path, error.strerror) from error
    if first is None or not frames:
        raise undecodable(path, "it holds no frame")
    height, width = _rgb(first).shape[:2]
    return VideoInfo(frames, height, width, float(rate) if rate else None)


def read(path: Path, indices: np.ndarray) -> np.ndarray:
    """indices: increasing, in range -> (t, h, w, 3) uint8 RGB; `InputError` if one cannot be decoded."""
    index = packet_index(path)
    try:
        with open_container(path) as container:
            stream = video_stream(container, path)
            frames = dict(_seek_and_decode(container, stream, index, indices))
            if len(frames) < len(indices):
                # An entry point did not lead to its frames, as after an H.264 recovery point.
                frames = dict(_decode_from_start(container, stream, index, indices))
    except av.error.FFmpegError as error:
        raise undecodable(path, error.strerror) from error
    missing = [int(i) for i in indices if i not in frames]
    if missing:
        raise undecodable(path, f"frame {missing[0]} is damaged")
    return np.stack([frames[i] for i in indices])


def _seek_and_decode(
    container: av.container.InputContainer,
    stream: av.video.stream.VideoStream,
    index: PacketIndex,
    indices: np.ndarray,
) -> Iterator[tuple[int, np.ndarray]]:
    """Yields (index, frame) for the frames found after the entry points before them."""
    if index.pts is None:
        return
    for key, run in _runs(index.keys, indices):
        wanted = {int(index.pts[i]): i for i in run}
        container.seek(int(index.pts[key]), stream=stream)
        for frame in container.decode(stream):
            if frame.pts in wanted:
                yield wanted.pop(frame.pts), _rgb(frame)
            if not wanted:
                break


def _decode_from_start(
    container: av.container.InputContainer,
    stream: av.video.stream.VideoStream,
    index: PacketIndex,
    indices: np.ndarray,
) -> Iterator[tuple[int, np.ndarray]]:
    """Yields (index, frame), counted in the order of display."""
    container.seek(stream.start_time or 0 if index.pts is None else int(index.pts[0]), stream=stream)
    wanted = set(indices.tolist())
    for i, frame in enumerate(container.decode(stream)):
        if i in wanted:
            yield i, _rgb(frame)
        if i >= indices[-1]:
            break


def _runs(keys: np.ndarray, indices: np.ndarray) -> list[tuple[int, list[int]]]:
    """Splits increasing indices where a seek spares frames: [(entry point, indices after it)]."""
    runs: list[tuple[int, list[int]]] = []
    for i in indices.tolist():
        key = int(keys[np.searchsorted(keys, i, side="right") - 1])
        if runs and key <= runs[-1][1][-1] + 1:
            runs[-1][1].append(i)
        else:
            runs.append((key, [i]))
    return runs


def _rgb(frame: av.VideoFrame) -> np.ndarray:
    """(h, w, 3) uint8, turned as the file's display matrix demands (telephones film sideways)."""
    return np.rot90(frame.to_ndarray(format="rgb24"), k=round(frame.rotation / 90) % 4)
