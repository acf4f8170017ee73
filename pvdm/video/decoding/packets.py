"""The packet index of a video file: the time that identifies each frame, and where decoding can start."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal, NamedTuple

import av
import numpy as np
from av.stream import Disposition

from pvdm.errors import InputError
from pvdm.video.decoding.exact_files import coded_size, is_plain, starts_anew
from pvdm.video.timeline import pack, unpack

Clock = Literal["pts", "dts"]
UNINDEXED = ("mpegts", "mpeg")  # seeks in these use dts, and incomplete packets are not marked
MOST_GROWTH, LARGE_PICTURE = 4, 2**22
"""A picture with more pixels than this many times those of the header, and than the second number, is not decoded: a
file of a few kilobytes could fill the memory with it."""
RAW = ("mpegvideo",)  # no container, hence no timestamps: FFmpeg guesses them, the first one wrongly


class Packet(NamedTuple):
    """The properties of a packet that the index needs.

    whole: It is complete and is to be shown; key: decoding can start at it; anew: no later frame depends on an earlier
    one; size: the (height, width) that it declares.
    """

    pts: int | None
    dts: int | None
    whole: bool
    key: bool
    anew: bool
    size: tuple[int, int] | None


@dataclass(frozen=True)
class PacketIndex:
    """Frame i of a video is the one that a decoder returns with time `times[i]`.

    Args:
        clock: The timestamps that identify frames; None if none do, so that frames are counted from the first.
        times: (n,) int64, increasing, in the stream's time base.
        keys: (k,) int64, the frames that decoding can start at, increasing from 0.
        seeks: (k,) int64, the time to seek to for each key.
        plain: See `exact_files.is_plain`.
    """

    clock: Clock | None
    times: np.ndarray
    keys: np.ndarray
    seeks: np.ndarray
    plain: bool = False

    @property
    def frames(self) -> int:
        return len(self.times)

    def pack(self) -> str:
        """The index as a short text: about 100 characters for a few seconds of video."""
        values = (pack(values) for values in (self.times, self.keys, self.seeks))
        return json.dumps([self.clock, *values, self.plain])

    @classmethod
    def unpack(cls, text: str) -> PacketIndex | None:
        """The index of a text from `pack`; None for any other text."""
        try:
            clock, times, keys, seeks, plain = json.loads(text)
            return cls(clock, unpack(times), unpack(keys), unpack(seeks), plain)
        except (ValueError, TypeError, zlib.error):
            return None

    def entry(self, frame: int) -> int:
        """The position in `keys` at which decoding must start for a frame."""
        return int(np.searchsorted(self.keys, frame, side="right")) - 1

    def decoded(self, indices: np.ndarray) -> int:
        """The number of frames that must be decoded for increasing indices."""
        return sum(run[-1] + 1 - int(self.keys[key]) for key, run in self.runs(indices))

    def runs(self, indices: np.ndarray) -> list[tuple[int, list[int]]]:
        """Splits increasing indices where a seek saves decoding: [(position in `keys`, indices after that key)]."""
        runs: list[tuple[int, list[int]]] = []
        for i in indices.tolist():
            key = self.entry(i)
            if runs and self.keys[key] <= runs[-1][1][-1] + 1:
                runs[-1][1].append(i)
            else:
                runs.append((key, [i]))
        return runs


def packet_index(path: Path) -> PacketIndex:
    """The index of a file, cached in memory for recent files; `InputError` if it cannot be read."""
    status = path.stat()
    return _packet_index(path, status.st_mtime_ns, status.st_size)


def display_times(path: Path, index: PacketIndex) -> np.ndarray | None:
    """The display time of each frame, (n,) int64, in the stream's time base; None if timestamps do not tell.

    Where timestamps do not identify frames, frames are in the order of the packets' sorted times.
    """
    if index.clock is not None or not index.frames:
        return index.times
    with open_container(path) as container:
        if container.format.name in RAW:
            return None
        packets = container.demux(video_stream(container, path))
        clock = "dts" if container.format.name == "avi" else "pts"
        times = [getattr(packet, clock) for packet in packets if packet.size and not packet.is_discard]
    return None if None in times or len(times) != index.frames else np.sort(np.array(times, dtype=np.int64))


def undecodable(path: Path, reason: object) -> InputError:
    """The error for a file that is not a video, or is damaged."""
    return InputError(f"{path} cannot be decoded as a video ({reason})", "remove it or encode it again")


def check_shape(path: Path, first: tuple[int, int], other: tuple[int, int]) -> None:
    """InputError unless a picture of size (height, width) has the aspect ratio of the first."""
    (height, width), (h, w) = first, other
    if abs(w * height - h * width) > 0.02 * max(w * height, h * width):
        raise undecodable(path, f"its picture changes from {width}x{height} to {w}x{h}")


def open_container(path: Path) -> av.container.InputContainer:
    """Opens a file for reading, whatever the encoding of its metadata."""
    return av.open(str(path), metadata_errors="replace")


def video_stream(container: av.container.InputContainer, path: Path) -> av.video.stream.VideoStream:
    """The video stream that FFmpeg would show, set to decode on one thread; `InputError` if there is none.

    Cover pictures do not count.
    """
    cover = Disposition.attached_pic | Disposition.timed_thumbnails
    moving = [stream for stream in container.streams.video if not stream.disposition & cover]
    if not moving:
        raise undecodable(path, "it holds no video stream" + (", only a cover" if container.streams.video else ""))
    best = container.streams.best("video")
    stream = best if best in moving else moving[0]
    if stream.codec_context is None:
        raise undecodable(path, "there is no decoder for its codec")
    if stream.metadata.get("alpha_mode") == "1":
        raise undecodable(path, "its transparency is stored as a second picture (WebM), which is not supported")
    codec = stream.codec_context
    codec.thread_count = 1
    explode = {"err_detect": "explode"} if codec.name == "mjpeg" else {}  # it does not report damaged frames otherwise
    codec.options = {"max_pixels": str(max(MOST_GROWTH * codec.width * codec.height, LARGE_PICTURE)), **explode}
    return stream


@lru_cache(maxsize=64)  # that of a long file takes megabytes; data sets keep their own, packed
def _packet_index(path: Path, modified: int, size: int) -> PacketIndex:
    try:
        with open_container(path) as container:
            return _read_index(path, container, video_stream(container, path))
    except av.error.FFmpegError as error:
        raise undecodable(path, error.strerror) from error


def _read_index(path: Path, container: av.container.InputContainer, stream: av.video.stream.VideoStream) -> PacketIndex:
    packets = [_properties(stream, packet) for packet in container.demux(stream) if packet.size]
    shown = [packet for packet in packets if packet.whole]
    sizes = list(dict.fromkeys(packet.size for packet in shown if packet.size))
    for size in sizes:
        check_shape(path, sizes[0], size)
    if not _timed(container, stream, [packet.pts for packet in shown]):
        return _index_by_decoding(path, [packet.dts for packet in shown if packet.key])
    with open_container(path) as again:
        first = next(again.decode(video_stream(again, path)), None)
    shown = _without_broken_ends(container, stream, sorted(shown), first)
    entries = [i for i, packet in enumerate(shown) if packet.key or i == 0]
    seeks = [shown[i].dts if container.format.name in UNINDEXED else shown[i].pts for i in entries]
    times = [packet.pts for packet in shown]
    plain = len(shown) == len(packets) and len(sizes) < 2 and all(packet.anew for packet in packets if packet.key)
    plain = plain and is_plain(container, stream, first)
    return PacketIndex("pts", *(np.array(values, dtype=np.int64) for values in (times, entries, seeks)), plain)


def _properties(stream: av.video.stream.VideoStream, packet: av.Packet) -> Packet:
    # A packet at the end of a truncated file would decode to a frame that is partly gray.
    whole = not packet.is_corrupt and not packet.is_discard
    key = packet.is_keyframe
    anew, size = (starts_anew(stream, packet), coded_size(stream, packet)) if key else (False, None)
    return Packet(packet.pts, packet.dts, whole, key, anew, size)


def _without_broken_ends(
    container: av.container.InputContainer,
    stream: av.video.stream.VideoStream,
    packets: list[Packet],
    first: av.VideoFrame | None,
) -> list[Packet]:
    """Packets in display order, without those at which a recording starts or ends midway.

    Packets before the first frame that a decoder returns depend on missing ones; the last one may be incomplete.
    """
    packets = [packet for packet in packets if first is None or first.pts is None or packet.pts >= first.pts]
    entries = [packet.dts for packet in packets if packet.key]
    if container.format.name not in UNINDEXED or not entries:
        return packets
    container.seek(entries[-1], stream=stream)
    last = packets[-1].pts
    whole = any(frame.pts == last and not frame.is_corrupt for frame in container.decode(stream))
    return packets if whole else packets[:-1]


def _timed(
    container: av.container.InputContainer, stream: av.video.stream.VideoStream, times: list[int | None]
) -> bool:
    """Whether presentation times identify the frames.

    AVI and raw streams have none, so with B-frames the guessed times name the wrong frames. MPEG program streams (.mpg,
    .vob) have one per pack, and the times of its other frames are guessed, differently after a seek.
    """
    reordered_avi = container.format.name == "avi" and stream.codec_context.has_b_frames
    is_guessed = reordered_avi or container.format.name in ("mpeg", "mpegvideo")
    return not is_guessed and None not in times and len(set(times)) == len(times)


def _index_by_decoding(path: Path, seeks: list[int | None]) -> PacketIndex:
    """The index of an AVI file with B-frames, which may have more packets than frames if they are packed (UCF101).

    The decoder of MPEG-4 returns a frame with the packet that completes it, and the last frame without one, wherever
    decoding started, so the time of that packet identifies the frame. The delay of other decoders (H.264) varies.
    """
    with open_container(path) as container:  # opened again: a seek to the start may lead to the second key
        stream = video_stream(container, path)
        codec, start = stream.codec_context.name, stream.start_time or 0
        frames = [(frame.dts, bool(frame.key_frame), frame.is_corrupt) for frame in container.decode(stream)]
    while frames and frames[-1][2]:  # the file ends within a frame
        frames.pop()
    keys = [i for i, (_, key, _) in enumerate(frames) if key]
    times = [time for time, _, _ in frames[:-1]]
    increasing = None not in times and all(np.diff(np.array(times, dtype=np.int64)) > 0)
    paired = len(keys) == len(seeks) and None not in seeks and keys[:1] == [0]
    if not (increasing and paired and codec == "mpeg4"):
        first = np.zeros(1, np.int64)
        return PacketIndex(None, np.arange(len(frames)), first, first + start)
    last = times[-1] + 1 if times else 0  # `frame_time` returns the same time for the last frame
    return PacketIndex("dts", *(np.array(values, dtype=np.int64) for values in ([*times, last], keys, seeks)))
