"""Which files are so plain that decord reads them exactly, frame and pixel, wherever reading begins.

Measured against decoding from the first packet on: its seeks lead astray in AVI, with B-frames of MPEG-4, open groups
and gradual refresh of H.264, and HEVC; and it shows no orientation, pixel aspect, depth, fields or transparency.
"""

from __future__ import annotations

import av
from av.sidedata.sidedata import Type

from pvdm.video.decoding import hdr

CONTAINERS = ("mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm")
CODECS = ("h264", "vp8", "vp9", "av1")
PIXELS = ("yuv420p", "yuvj420p", "yuv422p", "yuv444p")
VP9_KEYS = (b"\x80", b"\x81", b"\x82", b"\x83")  # of 8 bits and 4:2:0: marker, profile 0, a key; two flags
SLICE, SLICE_OF_NEW_START = 1, 5  # types of H.264's units


def is_plain(
    container: av.container.InputContainer, stream: av.video.stream.VideoStream, first: av.VideoFrame | None
) -> bool:
    """As far as the container, the codec and the first frame tell."""
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
    """Whether no frame from this one on, at which decoding may start, needs one before it; no where that is unknown."""
    if stream.codec_context.name != "h264":
        return True
    header, data = stream.codec_context.extradata or b"", memoryview(packet)
    if len(header) < 5 or header[0] != 1:  # units without lengths
        return False
    place, prefix = 0, (header[4] & 3) + 1
    while place + prefix < len(data):
        kind = data[place + prefix] & 31
        if kind in (SLICE, SLICE_OF_NEW_START):
            return kind == SLICE_OF_NEW_START
        place += prefix + int.from_bytes(data[place : place + prefix], "big")
    return False


def coded_size(stream: av.video.stream.VideoStream, packet: av.Packet) -> tuple[int, int] | None:
    """(height, width) that a packet of VP8 or VP9 at which decoding may start gives its picture; None if unknown.

    WebM as browsers record it changes them midway, and no header tells.
    """
    data = bytes(memoryview(packet)[:16])
    if stream.codec.canonical_name == "vp8" and data[3:6] == b"\x9d\x01\x2a":
        width, height = (int.from_bytes(data[place : place + 2], "little") & 0x3FFF for place in (6, 8))
        return height, width
    if stream.codec.canonical_name == "vp9" and data[:1] in VP9_KEYS and data[1:4] == b"\x49\x83\x42":
        sizes = int.from_bytes(data[4:9], "big") >> 4  # after 4 bits on colours: two of 16, each less one
        return (sizes & 0xFFFF) + 1, (sizes >> 16 & 0xFFFF) + 1
    return None
