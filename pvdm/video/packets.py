"""The index of a video file: its frames in the order of display, and where decoding may start."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import av
import numpy as np

from pvdm.errors import InputError

IDR_SLICE = 5  # H.264, table 7-1
# Their decoders drop the B-frames that belong to the frames before an entry point; others show them broken.
DROPS_LEADING_FRAMES = ("h264", "hevc", "vp8", "vp9")


@dataclass(frozen=True)
class PacketIndex:
    """Frame i of a video is shown at `pts[i]` (stream's time base); decoding may start at frames `keys`.

    pts: (n,) int64, increasing, or None where the file's timestamps are not those of its frames;
    keys: (k,) int64, increasing, the first one 0; clean: from each of them on, a decoder gives the frames
    one by one, none too few and none too many, so that they can be counted.
    """

    frames: int
    pts: np.ndarray | None
    keys: np.ndarray
    clean: bool


def packet_index(path: Path) -> PacketIndex:
    """The index of a file, kept in memory for the files read last; `InputError` if it cannot be read."""
    status = path.stat()
    return _packet_index(path, status.st_mtime_ns, status.st_size)


def undecodable(path: Path, reason: object) -> InputError:
    """The error for a file that is no video or a damaged one."""
    return InputError(f"{path} cannot be decoded as a video ({reason}); remove it or encode it again")


def open_container(path: Path) -> av.container.InputContainer:
    """The file opened for reading; its titles and comments may be in any encoding."""
    return av.open(str(path), metadata_errors="replace")


def video_stream(container: av.container.InputContainer, path: Path) -> av.video.stream.VideoStream:
    """The first video stream, set to decode on one thread; `InputError` if there is none."""
    if not container.streams.video:
        raise undecodable(path, "it holds no video stream")
    stream = container.streams.video[0]
    if stream.codec_context is None:
        raise undecodable(path, "there is no decoder for its codec")
    stream.codec_context.thread_count = 1
    return stream


@lru_cache(maxsize=1 << 15)
def _packet_index(path: Path, modified: int, size: int) -> PacketIndex:
    try:
        with open_container(path) as container:
            stream = video_stream(container, path)
            return _read_index(container, stream)
    except av.error.FFmpegError as error:
        raise undecodable(path, error.strerror) from error


def _read_index(container: av.container.InputContainer, stream: av.video.stream.VideoStream) -> PacketIndex:
    packets = [
        (packet.pts, packet.is_keyframe, not packet.is_keyframe or _enters_cleanly(packet, stream))
        for packet in container.demux(stream)
        # A packet cut off by the end of a truncated file decodes to a frame that is partly grey.
        if packet.size and not packet.is_corrupt and not packet.is_discard
    ]
    times = [pts for pts, _, _ in packets]
    if not _timed(container, stream, times):
        return PacketIndex(_count_by_decoding(container, stream), None, np.zeros(1, np.int64), clean=False)
    pts = np.sort(np.array(times, dtype=np.int64))
    keys = np.searchsorted(pts, sorted(pts for pts, key, _ in packets if key))
    closed = stream.codec_context.name in DROPS_LEADING_FRAMES or not stream.codec_context.has_b_frames
    clean = closed and all(clean for _, _, clean in packets)
    return PacketIndex(len(pts), pts, np.union1d(keys, [0]).astype(np.int64), clean)


def _timed(
    container: av.container.InputContainer, stream: av.video.stream.VideoStream, times: list[int | None]
) -> bool:
    """AVI has no presentation times, so with B-frames the guessed ones name the wrong frames."""
    reordered_avi = container.format.name == "avi" and stream.codec_context.has_b_frames
    return not reordered_avi and None not in times and len(set(times)) == len(times)


def _count_by_decoding(container: av.container.InputContainer, stream: av.video.stream.VideoStream) -> int:
    """Packed B-frames make packets and frames differ in number."""
    container.seek(stream.start_time or 0, stream=stream)
    return sum(1 for _ in container.decode(stream))


def _enters_cleanly(packet: av.Packet, stream: av.video.stream.VideoStream) -> bool:
    """False for an H.264 recovery point: frames after it are missing until the picture has built up."""
    if stream.codec_context.name != "h264":
        return True
    return IDR_SLICE in _nal_unit_types(bytes(packet), stream.codec_context.extradata or b"")


def _nal_unit_types(data: bytes, extradata: bytes) -> set[int]:
    """Types of the H.264 units in a packet, with start codes (Annex B) or with lengths (ISO 14496-15)."""
    if extradata[:1] != b"\x01":
        return {unit[0] & 31 for unit in data.split(b"\x00\x00\x01")[1:] if unit}
    width, position, types = (extradata[4] & 3) + 1, 0, set()
    while position + width < len(data):
        types.add(data[position + width] & 31)
        position += width + int.from_bytes(data[position : position + width], "big")
    return types
