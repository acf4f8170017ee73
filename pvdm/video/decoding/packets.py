"""The index of a video file: how its frames are told apart, and where decoding may start."""

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
UNINDEXED = ("mpegts", "mpeg")  # containers that are searched for a packet's own time, and do not say that one is torn
RAW = ("mpegvideo",)  # not in a container, hence without timestamps: FFmpeg guesses them, and the first one wrongly


class Packet(NamedTuple):
    """What is noted of a packet: its times, whether it is to be shown and all there, whether decoding may start at it,
    and then without anything before it, and the size that it gives its picture.
    """

    pts: int | None
    dts: int | None
    whole: bool
    key: bool
    anew: bool
    size: tuple[int, int] | None


@dataclass(frozen=True)
class PacketIndex:
    """Frame i of a video is the one that a decoder gives out with time `times[i]`.

    times: (n,) int64, increasing, by `clock` in the stream's time base; keys: (k,) int64, the frames that decoding
    may start at, increasing, the first one 0; seeks: (k,) int64, the time to seek for each. A `clock` of None: the
    file's times do not tell its frames apart, which are counted from the first. plain: as `is_plain` says.
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
        """As a short text: about 100 characters for a clip of some seconds."""
        values = (pack(values) for values in (self.times, self.keys, self.seeks))
        return json.dumps([self.clock, *values, self.plain])

    @classmethod
    def unpack(cls, text: str) -> PacketIndex | None:
        """What `pack` made; None if it did not."""
        try:
            clock, times, keys, seeks, plain = json.loads(text)
            return cls(clock, unpack(times), unpack(keys), unpack(seeks), plain)
        except (ValueError, TypeError, zlib.error):
            return None

    def entry(self, frame: int) -> int:
        """Which of `keys` decoding must start at for a frame."""
        return int(np.searchsorted(self.keys, frame, side="right")) - 1

    def decoded(self, indices: np.ndarray) -> int:
        """How many frames lie between the entry points of increasing indices and the last that each is good for."""
        return sum(run[-1] + 1 - int(self.keys[key]) for key, run in self.runs(indices))

    def runs(self, indices: np.ndarray) -> list[tuple[int, list[int]]]:
        """Splits increasing indices where a seek spares frames: [(number of the entry point, indices after it)]."""
        runs: list[tuple[int, list[int]]] = []
        for i in indices.tolist():
            key = self.entry(i)
            if runs and self.keys[key] <= runs[-1][1][-1] + 1:
                runs[-1][1].append(i)
            else:
                runs.append((key, [i]))
        return runs


def packet_index(path: Path) -> PacketIndex:
    """The index of a file, kept in memory for the files read last; `InputError` if it cannot be read."""
    status = path.stat()
    return _packet_index(path, status.st_mtime_ns, status.st_size)


def display_times(path: Path, index: PacketIndex) -> np.ndarray | None:
    """When each frame of a file is shown, (n,) int64, in the stream's time base; None if no timestamps tell.

    Where those do not tell the frames apart, their order does: it is that of the packets' sorted times.
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
    """The error for a file that is no video or a damaged one."""
    return InputError(f"{path} cannot be decoded as a video ({reason})", "remove it or encode it again")


def check_shape(path: Path, first: tuple[int, int], other: tuple[int, int]) -> None:
    """InputError unless a picture of another size, (height, width), has the shape of the first."""
    (height, width), (h, w) = first, other
    if abs(w * height - h * width) > 0.02 * max(w * height, h * width):
        raise undecodable(path, f"its picture changes from {width}x{height} to {w}x{h}")


def open_container(path: Path) -> av.container.InputContainer:
    """The file opened for reading; its titles and comments may be in any encoding."""
    return av.open(str(path), metadata_errors="replace")


def video_stream(container: av.container.InputContainer, path: Path) -> av.video.stream.VideoStream:
    """The video stream that FFmpeg shows, set to decode on one thread; `InputError` if there is none.

    A cover picture is none.
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
        raise undecodable(path, "it is transparent in a way that cannot be read: WebM's second picture")
    stream.codec_context.thread_count = 1
    if stream.codec_context.name == "mjpeg":  # which has no other way to say that a frame is damaged
        stream.codec_context.options = {"err_detect": "explode"}
    return stream


@lru_cache(maxsize=64)  # a long file has megabytes of it, and a data set keeps its own, packed
def _packet_index(path: Path, modified: int, size: int) -> PacketIndex:
    try:
        with open_container(path) as container:
            return _read_index(path, container, video_stream(container, path))
    except av.error.FFmpegError as error:
        raise undecodable(path, error.strerror) from error


def _read_index(path: Path, container: av.container.InputContainer, stream: av.video.stream.VideoStream) -> PacketIndex:
    packets = [_noted(stream, packet) for packet in container.demux(stream) if packet.size]
    shown = [packet for packet in packets if packet.whole]
    sizes = list(dict.fromkeys(packet.size for packet in shown if packet.size))
    for size in sizes:
        check_shape(path, sizes[0], size)
    if not _timed(container, stream, [packet.pts for packet in shown]):
        return _index_by_decoding(path, [packet.dts for packet in shown if packet.key])
    with open_container(path) as again:
        first = next(again.decode(video_stream(again, path)), None)
    shown = _without_torn_ends(container, stream, sorted(shown), first)
    entries = [i for i, packet in enumerate(shown) if packet.key or i == 0]
    seeks = [shown[i].dts if container.format.name in UNINDEXED else shown[i].pts for i in entries]
    times = [packet.pts for packet in shown]
    plain = len(shown) == len(packets) and len(sizes) < 2 and all(packet.anew for packet in packets if packet.key)
    plain = plain and is_plain(container, stream, first)
    return PacketIndex("pts", *(np.array(values, dtype=np.int64) for values in (times, entries, seeks)), plain)


def _noted(stream: av.video.stream.VideoStream, packet: av.Packet) -> Packet:
    # A packet cut off by the end of a truncated file decodes to a frame that is partly grey.
    whole = not packet.is_corrupt and not packet.is_discard
    key = packet.is_keyframe
    anew, size = (starts_anew(stream, packet), coded_size(stream, packet)) if key else (False, None)
    return Packet(packet.pts, packet.dts, whole, key, anew, size)


def _without_torn_ends(
    container: av.container.InputContainer,
    stream: av.video.stream.VideoStream,
    packets: list[Packet],
    first: av.VideoFrame | None,
) -> list[Packet]:
    """Packets in the order of display, less those that a recording was begun, or cut off, in the midst of.

    Those before the first frame that a decoder shows depend on what is missing; of the last, not all may be there.
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
    """Whether presentation times tell the frames apart.

    AVI has none, so with B-frames the guessed ones name the wrong frames; MPEG program streams (.mpg, .vob) have one
    for all frames of a pack, so that the others' are guessed, and differently so after a seek; raw streams none.
    """
    reordered_avi = container.format.name == "avi" and stream.codec_context.has_b_frames
    is_guessed = reordered_avi or container.format.name in ("mpeg", "mpegvideo")
    return not is_guessed and None not in times and len(set(times)) == len(times)


def _index_by_decoding(path: Path, seeks: list[int | None]) -> PacketIndex:
    """For AVI with B-frames, of which packets and frames differ in number if they are packed (as in UCF101).

    MPEG-4's decoder gives a frame out with the packet that completes it, and the last without one, wherever it
    started; so that packet's time tells the frame. Others (H.264) change their delay on the way.
    """
    with open_container(path) as container:  # anew: a seek to the start may lead to the second entry point
        stream = video_stream(container, path)
        codec, start = stream.codec_context.name, stream.start_time or 0
        frames = [(frame.dts, bool(frame.key_frame), frame.is_corrupt) for frame in container.decode(stream)]
    while frames and frames[-1][2]:  # a file cut off within a frame
        frames.pop()
    keys = [i for i, (_, key, _) in enumerate(frames) if key]
    times = [time for time, _, _ in frames[:-1]]
    increasing = None not in times and all(np.diff(np.array(times, dtype=np.int64)) > 0)
    paired = len(keys) == len(seeks) and None not in seeks and keys[:1] == [0]
    if not (increasing and paired and codec == "mpeg4"):
        first = np.zeros(1, np.int64)
        return PacketIndex(None, np.arange(len(frames)), first, first + start)
    last = times[-1] + 1 if times else 0  # `frame_time` gives the last frame this time as well
    return PacketIndex("dts", *(np.array(values, dtype=np.int64) for values in ([*times, last], keys, seeks)))
