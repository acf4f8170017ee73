"""Frames as they go to a browser: H.264 for WebCodecs, or JPEG, each behind a header of 16 bytes."""

from __future__ import annotations

import base64
import struct
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import lru_cache
from io import BytesIO
from typing import NamedTuple

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from PIL import Image
from torch import Tensor

from pvdm.video.encoders import ITU601, LIMITED_RANGE

HEADER = struct.Struct(">BBHIII")
H264, JPEG = "h264", "jpeg"
CODEC_NUMBERS = {H264: 1, JPEG: 2}
KEY_FRAME = 1
JPEG_QUALITY, PICTURE_QUALITY = 88, 75
OPTIONS = {"preset": "veryfast", "tune": "zerolatency", "profile": "baseline", "crf": "20"}
OPTIONS |= {"x264-params": "mbtree=0:scenecut=0"}  # the first frame of a clip is its only key frame


class Frame(NamedTuple):
    """An encoded frame, and whether it can be decoded without those before it."""

    payload: bytes
    is_key: bool


class Place(NamedTuple):
    """Where a frame belongs.

    Args:
        epoch: Frames of an earlier one are not to be shown any more.
        frame: Number of the frame in the stream.
        clip: Number of its clip.
        version: The client's number of the settings that the clip was made with.
    """

    epoch: int
    frame: int
    clip: int
    version: int


def packet(codec: str, place: Place, frame: Frame) -> bytes:
    """A frame as the client gets it: number of the codec, flags, place, big-endian, and the payload."""
    flags, version = KEY_FRAME * frame.is_key, place.version % 2**32
    numbers = (place.epoch % 2**16, place.frame % 2**32, place.clip % 2**32, version)
    return HEADER.pack(CODEC_NUMBERS[codec], flags, *numbers) + frame.payload


def encoder_of(codec: str, fps: float) -> Callable[[Tensor], list[Frame]]:
    """The function that encodes the frames (3, t, h, w) uint8 of a clip, of which nothing else is needed."""
    return encoded_as_jpeg if codec == JPEG else lambda frames: encoded_as_h264(frames, fps)


@lru_cache
def codecs() -> tuple[str, ...]:
    """The codecs that this machine encodes, the best first."""
    return (H264, JPEG) if "libx264" in av.codecs_available else (JPEG,)


def encoded_as_h264(frames: Tensor, fps: float) -> list[Frame]:
    """Access units in Annex B, baseline profile, one for each frame; the first is a key frame.

    An odd height or width is padded by repeating the last row or column.
    """
    pixels = _pixels(frames)
    pixels = np.pad(pixels, ((0, 0), (0, pixels.shape[1] % 2), (0, pixels.shape[2] % 2), (0, 0)), mode="edge")
    codec = av.CodecContext.create("libx264", "w")
    codec.height, codec.width, codec.pix_fmt, codec.options = *pixels.shape[1:3], "yuv420p", OPTIONS
    codec.time_base, codec.thread_count, codec.gop_size = Fraction(1, max(1, round(fps))), 1, len(pixels)
    codec.colorspace, codec.color_range = ITU601, LIMITED_RANGE
    units: list[Frame] = []
    converter = VideoReformatter()
    for number, picture in enumerate(pixels):
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        frame = converter.reformat(frame, format="yuv420p", dst_colorspace=ITU601, threads=1)  # small frames
        frame.pts = number
        units += [Frame(bytes(unit), unit.is_keyframe) for unit in codec.encode(frame)]
    units += [Frame(bytes(unit), unit.is_keyframe) for unit in codec.encode(None)]
    return units


def encoded_as_jpeg(frames: Tensor) -> list[Frame]:
    """A JPEG file for each frame."""
    return [Frame(_jpeg(picture, JPEG_QUALITY), is_key=True) for picture in _pixels(frames)]


def picture_address(frame: Tensor) -> str:
    """A frame (3, h, w) uint8 as an address that holds it, data:image/jpeg."""
    jpeg = _jpeg(frame.permute(1, 2, 0).contiguous().numpy(), PICTURE_QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode('ascii')}"


def chosen_codec(offered: object) -> str | None:
    """The first of the client's codecs, the best first, that this machine encodes; None if there is none."""
    names: Sequence[object] = offered if isinstance(offered, list) else ()
    return next((name for name in names if isinstance(name, str) and name in codecs()), None)


def _pixels(frames: Tensor) -> np.ndarray:
    """(t, h, w, 3) uint8."""
    return frames.permute(1, 2, 3, 0).contiguous().cpu().numpy()


def _jpeg(pixels: np.ndarray, quality: int) -> bytes:
    file = BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality)
    return file.getvalue()
