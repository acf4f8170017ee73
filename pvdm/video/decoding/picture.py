"""Decoded frames as a player shows them: deinterlaced, opaque, tone mapped, with square pixels, upright."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import av
import numpy as np
from av.filter import Graph
from av.sidedata.sidedata import Type
from av.video.reformatter import VideoReformatter

from pvdm.video.decoding import hdr
from pvdm.video.decoding.packets import check_shape, undecodable
from pvdm.video.transform import covering_size, cut

SQUARE = 0.01  # pixels closer to square than this are square: many ratios are rounding errors
ELONGATED = 8  # a ratio beyond this is a mistake, and the right one cannot be known
UPRIGHT = math.tan(math.radians(1))  # a smaller rotation is ignored


@dataclass(frozen=True)
class Orientation:
    """How stored pixels are displayed: transposed first, then mirrored left to right and flipped upside down."""

    transposed: bool = False
    mirrored: bool = False
    flipped: bool = False

    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        """(h, w, ...) -> the same or (w, h, ...), a view."""
        pixels = pixels.swapaxes(0, 1) if self.transposed else pixels
        return pixels[:: -1 if self.flipped else 1, :: -1 if self.mirrored else 1]


AS_STORED = Orientation()


@lru_cache
def orientation(matrix: bytes) -> Orientation:
    """The orientation in a display matrix, nine int32 in FFmpeg's order; ValueError unless it rotates by 90 degrees."""
    a, b, _, c, d = np.frombuffer(matrix, np.int32)[:5].tolist()
    straight, crossed = sorted((abs(a), abs(d))), sorted((abs(b), abs(c)))
    if crossed[1] <= UPRIGHT * straight[0]:
        return Orientation(False, a < 0, d < 0)
    if straight[1] <= UPRIGHT * crossed[0]:
        return Orientation(True, c < 0, b < 0)
    raise ValueError(f"its picture is to be rotated by {abs(math.degrees(math.atan2(b, a))):.0f} degrees")


class Picture:
    """Converts the frames of a stream to displayed pixels; `InputError` names the file if that is impossible.

    Frames are scaled to the size of the stream's first frame. A frame with another aspect ratio is an error, because
    players disagree about how to show it.
    """

    def __init__(self, path: Path, stream: av.video.stream.VideoStream) -> None:
        self.path = path
        self._stored = stream.codec_context.height, stream.codec_context.width
        self._aspect = _aspect(path, stream)
        self._convert = VideoReformatter()  # reuses what it computes for the first frame

    def __call__(self, frame: av.VideoFrame) -> np.ndarray:
        """(h, w, 3) uint8."""
        upright = self._orientation(frame)
        height, width = self.size(frame)
        size = (width, height) if upright.transposed else (height, width)
        return upright(self._pixels(self._whole(frame), *size))

    def size(self, frame: av.VideoFrame) -> tuple[int, int]:
        """The displayed (height, width) of all frames; as in FFmpeg, the pixel aspect ratio applies after rotation."""
        height, width = self._stored
        check_shape(self.path, self._stored, (frame.height, frame.width))
        if not self._orientation(frame).transposed:
            return height, max(1, int(width * self._aspect))
        return width, max(1, int(height / self._aspect))

    def _orientation(self, frame: av.VideoFrame) -> Orientation:
        matrix = frame.side_data.get(Type.DISPLAYMATRIX)
        try:
            return AS_STORED if matrix is None else orientation(bytes(matrix))
        except ValueError as error:
            raise undecodable(self.path, str(error)) from error

    def _pixels(self, frame: av.VideoFrame, height: int, width: int) -> np.ndarray:
        """(height, width, 3) uint8, in stored orientation."""
        if frame.color_trc in hdr.TRANSFERS:
            deep = self._scaled(frame, height, width, "rgb48le").to_ndarray()
            return hdr.to_sdr(deep, frame.color_trc, frame.color_primaries)
        # Planes are not used at the original size: without scaling FFmpeg writes only whole groups of 8 columns.
        if (height, width) == (frame.height, frame.width):
            return self._scaled(frame, height, width, "rgb24").to_ndarray()
        return np.stack(self._planes(frame, height, width), axis=-1)

    def _planes(self, frame: av.VideoFrame, height: int, width: int) -> Sequence[np.ndarray]:
        """Red, green and blue of a scaled frame, (height, width) uint8 each; more accurate than packed RGB."""
        scaled = self._scaled(frame, height, width, "gbrp")
        planes = [np.frombuffer(plane, np.uint8).reshape(height, plane.line_size) for plane in scaled.planes]
        green, blue, red = (plane[:, :width] for plane in planes)
        return red, green, blue

    def _scaled(self, frame: av.VideoFrame, height: int, width: int, pixels: str) -> av.VideoFrame:
        return self._convert.reformat(frame, width, height, pixels, interpolation="BILINEAR", threads=1)

    def _whole(self, frame: av.VideoFrame) -> av.VideoFrame:
        """The frame deinterlaced and opaque."""
        frame = _deinterlaced(frame) if frame.interlaced_frame else frame
        return self._opaque(frame) if _has_alpha(frame.format.name) else frame

    def _opaque(self, frame: av.VideoFrame) -> av.VideoFrame:
        """The frame on black, as players show it."""
        deep = frame.format.components[0].bits > 8
        pixels = self._scaled(frame, frame.height, frame.width, "rgba64le" if deep else "rgba").to_ndarray()
        opaque = av.VideoFrame.from_ndarray(on_black(pixels), format="rgb48le" if deep else "rgb24")
        opaque.color_trc, opaque.color_primaries = frame.color_trc, frame.color_primaries
        return opaque


class CoveringPicture(Picture):
    """Scales frames to cover a size while they are converted, without intermediate rounding, and crops them.

    size: (height, width) of the result; crop: see `resize_and_crop`.
    """

    def __init__(
        self, path: Path, stream: av.video.stream.VideoStream, size: tuple[int, int], crop: tuple[float, float]
    ) -> None:
        super().__init__(path, stream)
        self._size, self._crop = size, crop

    def __call__(self, frame: av.VideoFrame) -> tuple[np.ndarray, ...]:
        """Red, green and blue, `size` each: views of the scaled frame, so that it is copied only once."""
        upright = self._orientation(frame)
        height, width = covering_size(*self.size(frame), *self._size)
        size = (width, height) if upright.transposed else (height, width)
        whole = self._whole(frame)
        direct = size == (whole.height, whole.width) or whole.color_trc in hdr.TRANSFERS
        planes = np.moveaxis(self._pixels(whole, *size), -1, 0) if direct else self._planes(whole, *size)
        return tuple(cut(upright(plane), self._size, self._crop) for plane in planes)


def on_black(pixels: np.ndarray) -> np.ndarray:
    """pixels: (h, w, 4) RGBA in the full range of uint8 or uint16 -> (h, w, 3) of the same type, on black."""
    whole = np.iinfo(pixels.dtype).max
    shown = pixels[..., :3].astype(np.uint64) * pixels[..., 3:] + whole // 2
    return (shown // whole).astype(pixels.dtype)


def _aspect(path: Path, stream: av.video.stream.VideoStream) -> Fraction:
    """The width of a pixel divided by its height."""
    aspect = stream.sample_aspect_ratio or Fraction(1)
    if not 1 / ELONGATED <= aspect <= ELONGATED:
        raise undecodable(path, f"its pixel aspect ratio is {float(aspect):.3g}")
    return Fraction(1) if abs(aspect - 1) < SQUARE else aspect


@lru_cache
def _has_alpha(pixels: str) -> bool:
    """Whether a pixel format has alpha; palettes do, although PyAV does not say so."""
    pixel_format = av.VideoFormat(pixels)
    return pixel_format.has_palette or any(component.is_alpha for component in pixel_format.components)


def _deinterlaced(frame: av.VideoFrame) -> av.VideoFrame:
    """The first field, with the lines between interpolated along edges.

    FFmpeg's `estdif` uses no other frame, so a frame does not depend on where decoding started.
    """
    graph = Graph()
    if hasattr(graph, "threads"):  # from PyAV 18 on
        graph.threads = 1
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base or Fraction(1, 1000)
    )
    graph.link_nodes(source, graph.add("estdif", "mode=frame"), graph.add("buffersink")).configure()
    graph.push(frame)
    graph.push(None)
    return graph.pull()
