"""Copying the packets of a clip into a file of its own, where its borders are keyframes."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np

from pvdm.errors import InputError
from pvdm.video import VideoInfo, probe, read_frames
from pvdm.video.decoding.packets import PacketIndex, open_container, video_stream


def has_key_borders(index: PacketIndex, first: int, last: int) -> bool:
    """Whether decoding can start at the first frame, and no frame of the clip is needed by or needs others."""
    keys = set(index.keys.tolist())
    return index.plain and index.clock == "pts" and first in keys and (last + 1 in keys or last + 1 == index.frames)


def remux(source: Path, target: Path, index: PacketIndex, first: int, last: int) -> bool:
    """Copies the packets of frames [first, last] and of the sound meanwhile; whether that is what the file then shows.

    The result is probed, and its first and last frames are compared with those of the source.
    """
    try:
        with open_container(source) as given, av.open(str(target), "w") as made:
            _copy(given, made, source, index, first, last)
        found = probe(target)
        ends = read_frames(target, [0, found.frames - 1], info=found)
        whole = VideoInfo(index.frames, *ends.shape[1:3], None, index.pack())
        return found.frames == last - first + 1 and np.array_equal(ends, read_frames(source, [first, last], info=whole))
    except (av.error.FFmpegError, InputError, ValueError):
        return False


def _copy(
    given: av.container.InputContainer,
    made: av.container.OutputContainer,
    source: Path,
    index: PacketIndex,
    first: int,
    last: int,
) -> None:
    seen, heard = video_stream(given, source), next(iter(given.streams.audio), None)
    streams = [stream for stream in (seen, heard) if stream is not None]
    targets = {stream.index: made.add_stream_from_template(stream) for stream in streams}
    start, end = (float(index.times[at] * seen.time_base) for at in (first, last))
    given.seek(int(index.seeks[index.entry(first)]), stream=seen)
    for packet in given.demux(streams):
        if packet.pts is None or packet.dts is None:
            continue
        stream, time = packet.stream, float(packet.pts * packet.time_base)
        if not start - 1e-6 <= time <= end + 1e-6:
            if stream is seen and float(packet.dts * packet.time_base) > end + 1:
                break
            continue
        shift = round(start / packet.time_base)
        packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
        packet.stream = targets[stream.index]
        made.mux(packet)
