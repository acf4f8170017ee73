"""Plain files, which decord reads exactly, frame and pixel, wherever reading starts.

Measured against decoding from the first packet on. decord's seeks fail in AVI, with B-frames of MPEG-4, with open
groups and gradual refresh of H.264, and in HEVC; it ignores orientation, pixel aspect ratio, bit depth, interlacing and
transparency.
"""

from __future__ import annotations

import av
from av.sidedata.sidedata import Type

from pvdm.video.decoding import hdr

CONTAINERS = ("mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm")
CODECS = ("h264", "vp8", "vp9", "av1")
PIXELS = ("yuv420p", "yuvj420p", "yuv422p", "yuv444p")
VP9_KEYS = (b"\x80", b"\x81", b"\x82", b"\x83")  # marker, profile 0 (8 bits, 4:2:0), key frame; two flags
SLICE, SLICE_OF_NEW_START = 1, 5  # types of NAL units of H.264


def is_plain(
    container: av.container.InputContainer, stream: av.video.stream.VideoStream, first: av.VideoFrame | None
) -> bool:
    """Whether the container, the codec and the first frame are plain."""
    return (
        container.format.name in CONTAINERS
        and len(container.streams.video) == 1
        and stream.codec.canonical_name in CODECS
        and stream.sample_aspect_ratio in (None, 0, 1)
        and first is not None
        and first.format.name in PIXELS
        and (first.width, first.height) == (stream.codec_context.width, stream.codec_context.height)
        and first.color_trc not in hdr.TRANSFERS
        and not first.interlaced_frame
        and Type.DISPLAYMATRIX not in first.side_data
    )


def starts_anew(stream: av.video.stream.VideoStream, packet: av.Packet) -> bool:
    """Whether no frame from this key frame on depends on an earlier one; False if that is unknown."""
    if stream.codec_context.name != "h264":
        return True
    header, data = stream.codec_context.extradata or b"", memoryview(packet)
    if len(header) < 5 or header[0] != 1:  # units are not preceded by their lengths
        return False
    place, prefix = 0, (header[4] & 3) + 1
    while place + prefix < len(data):
        kind = data[place + prefix] & 31
        if kind in (SLICE, SLICE_OF_NEW_START):
            return kind == SLICE_OF_NEW_START
        place += prefix + int.from_bytes(data[place : place + prefix], "big")
    return False


def coded_size(stream: av.video.stream.VideoStream, packet: av.Packet) -> tuple[int, int] | None:
    """The (height, width) in a key frame of VP8 or VP9; None for other packets.

    Browsers record WebM files whose size changes midway, and no header says so.
    """
    data = bytes(memoryview(packet)[:16])
    if stream.codec.canonical_name == "vp8" and data[3:6] == b"\x9d\x01\x2a":
        width, height = (int.from_bytes(data[place : place + 2], "little") & 0x3FFF for place in (6, 8))
        return height, width
    if stream.codec.canonical_name == "vp9" and data[:1] in VP9_KEYS and data[1:4] == b"\x49\x83\x42":
        sizes = int.from_bytes(data[4:9], "big") >> 4  # after 4 bits on colors, two numbers of 16 bits, each one less
        return (sizes & 0xFFFF) + 1, (sizes >> 16 & 0xFFFF) + 1
    return None
