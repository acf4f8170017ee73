"""Encoders: H.264 in MP4, VP9 in WebM, animated GIF and WebP, and folders of PNG images."""

from collections.abc import Iterator
from io import RawIOBase
from pathlib import Path

import av
import numpy as np
from PIL import Image

from pvdm.video.timeline import exact_rate

ITU601 = 5  # the matrix that the encoder converts with, which the file must declare
LIMITED_RANGE = 1


class Mp4Encoder:
    """H.264, 4:2:0, crf 18. An odd height or width is padded by repeating the last row or column.

    Subclasses differ in the container, the codec, their options, and the pixel format.

    comment: Metadata of the file, for containers that FFmpeg writes it into.
    """

    container, container_options = "mp4", {"movflags": "+faststart"}
    # x264's macroblock tree reads uninitialized memory if a picture is small, which makes files differ.
    codec, codec_options = "libx264", {"crf": "18", "mbtree": "0"}
    pixels = "yuv420p"

    def __init__(self, target: Path | RawIOBase, fps: float, comment: str | None = None) -> None:
        target = str(target) if isinstance(target, Path) else target
        self._container = av.open(target, "w", format=self.container, options=self.container_options)
        self._container.metadata.update({"comment": comment} if comment else {})
        self._fps = exact_rate(fps)
        self._stream = None
        self._count = 0

    def write(self, frame: np.ndarray) -> None:
        """frame: (h, w, 3) uint8."""
        if self.pixels == "yuv420p":
            height, width = frame.shape[:2]
            frame = np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        if self._stream is None:
            self._stream = self._add_stream(*frame.shape[:2])
        picture = av.VideoFrame.from_ndarray(frame, format="rgb24")
        picture.pts, picture.time_base = self._count, 1 / self._fps
        for prepared in self._prepared(picture):
            self._container.mux(self._stream.encode(prepared))
        self._count += 1

    def close(self) -> None:
        """Writes the frames that the encoder still holds, and closes the file."""
        try:
            if self._stream is not None:
                self._container.mux(self._stream.encode())
        finally:
            self._container.close()

    def _prepared(self, picture: av.VideoFrame) -> Iterator[av.VideoFrame]:
        """The picture in the pixel format of the codec."""
        yield picture.reformat(format=self.pixels, dst_colorspace=ITU601 if self.pixels == "yuv420p" else None)

    def _add_stream(self, height: int, width: int) -> av.video.stream.VideoStream:
        stream = self._container.add_stream(self.codec, rate=self._fps, options=self.codec_options)
        stream.height, stream.width, stream.pix_fmt = height, width, self.pixels
        stream.codec_context.time_base = 1 / self._fps
        stream.codec_context.thread_count = 1  # with several, one in a thousand files differs on a busy machine
        if self.pixels == "yuv420p":
            stream.codec_context.colorspace = ITU601
            stream.codec_context.color_range = LIMITED_RANGE
        return stream


class WebmEncoder(Mp4Encoder):
    """VP9, 4:2:0, crf 18: a royalty-free format that browsers play."""

    container, container_options = "webm", {"fflags": "bitexact"}  # otherwise the file contains a random number
    codec, codec_options = "libvpx-vp9", {"crf": "18", "b": "0", "cpu-used": "4"}


class WebpEncoder(Mp4Encoder):
    """Animated WebP of quality 90 that repeats forever."""

    container, container_options = "webp", {"loop": "0"}
    codec, codec_options = "libwebp_anim", {"quality": "90"}
    pixels = "bgra"


class GifEncoder(Mp4Encoder):
    """GIF that repeats forever; each frame has its own palette of 256 colors, so frames are written as they come."""

    container, container_options = "gif", {"loop": "0"}
    codec, codec_options = "gif", {}
    pixels = "pal8"
    _palettes: av.filter.Graph | None = None

    def _prepared(self, picture: av.VideoFrame) -> Iterator[av.VideoFrame]:
        if self._palettes is None:
            self._palettes = _palettes(picture)
        self._palettes.push(picture)
        frame = self._palettes.pull()
        frame.pict_type = av.video.frame.PictureType.NONE  # otherwise the encoder uses the type that the filter sets
        yield frame


def _palettes(picture: av.VideoFrame) -> av.filter.Graph:
    """Filters that reduce each picture to its own 256 colors, see FFmpeg's palettegen and paletteuse."""
    graph = av.filter.Graph()
    size = {"width": picture.width, "height": picture.height}
    source = graph.add_buffer(**size, format=picture.format, time_base=picture.time_base)
    both, colors = graph.add("split"), graph.add("palettegen", "stats_mode=single")
    # A faint static pattern: error diffusion would flicker in pictures as small as these.
    used, sink = graph.add("paletteuse", "new=1:dither=bayer:bayer_scale=5"), graph.add("buffersink")
    source.link_to(both)
    both.link_to(colors, 0, 0)
    both.link_to(used, 1, 0)
    colors.link_to(used, 0, 1)
    used.link_to(sink)
    graph.configure()
    return graph


class PngEncoder:
    """`frame_000000.png` and so on in a new folder: lossless."""

    def __init__(self, path: Path, fps: float, comment: str | None = None) -> None:
        path.mkdir()
        self._folder = path
        self._count = 0

    def write(self, frame: np.ndarray) -> None:
        """frame: (h, w, 3) uint8."""
        Image.fromarray(frame).save(self._folder / f"frame_{self._count:06d}.png")
        self._count += 1

    def close(self) -> None:
        """Nothing to do: every frame has been written."""
