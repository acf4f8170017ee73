"""How frames become files: H.264 in MP4, VP9 in WebM, animated GIF and WebP, or a folder of PNG images."""

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
from PIL import Image

from pvdm.video.timeline import exact_rate

ITU601 = 5  # the matrix by which the encoder converts; players and our readers need it said
LIMITED_RANGE = 1


class Mp4Encoder:
    """H.264, 4:2:0, crf 18. Odd sizes grow by one row or column, a repetition of the last.

    Its kin differ in what stands here: the container, the codec and their options, and the layout of pixels.
    """

    container, container_options = "mp4", {"movflags": "+faststart"}
    # x264's macroblock tree reads memory that nobody has written where a picture is small, and its files then differ.
    codec, codec_options = "libx264", {"crf": "18", "mbtree": "0"}
    pixels = "yuv420p"

    def __init__(self, path: Path, fps: float) -> None:
        self._container = av.open(str(path), "w", format=self.container, options=self.container_options)
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
        """Writes what the encoder still holds."""
        try:
            if self._stream is not None:
                self._container.mux(self._stream.encode())
        finally:
            self._container.close()

    def _prepared(self, picture: av.VideoFrame) -> Iterator[av.VideoFrame]:
        """The picture in the codec's layout of pixels."""
        yield picture.reformat(format=self.pixels, dst_colorspace=ITU601 if self.pixels == "yuv420p" else None)

    def _add_stream(self, height: int, width: int) -> av.video.stream.VideoStream:
        stream = self._container.add_stream(self.codec, rate=self._fps, options=self.codec_options)
        stream.height, stream.width, stream.pix_fmt = height, width, self.pixels
        stream.codec_context.time_base = 1 / self._fps
        stream.codec_context.thread_count = 1  # of x264's threads one in a thousand files differs, on a busy machine
        if self.pixels == "yuv420p":
            stream.codec_context.colorspace = ITU601
            stream.codec_context.color_range = LIMITED_RANGE
        return stream


class WebmEncoder(Mp4Encoder):
    """VP9, 4:2:0, crf 18, which browsers play without a licence."""

    container, container_options = "webm", {"fflags": "bitexact"}  # else it is given a random number
    codec, codec_options = "libvpx-vp9", {"crf": "18", "b": "0", "cpu-used": "4"}


class WebpEncoder(Mp4Encoder):
    """Animated WebP of quality 90, which repeats without end."""

    container, container_options = "webp", {"loop": "0"}
    codec, codec_options = "libwebp_anim", {"quality": "90"}
    pixels = "bgra"


class GifEncoder(Mp4Encoder):
    """GIF that repeats without end; each frame has 256 colours of its own, so that nothing waits for the last one."""

    container, container_options = "gif", {"loop": "0"}
    codec, codec_options = "gif", {}
    pixels = "pal8"
    _palettes: av.filter.Graph | None = None

    def _prepared(self, picture: av.VideoFrame) -> Iterator[av.VideoFrame]:
        if self._palettes is None:
            self._palettes = _palettes(picture)
        self._palettes.push(picture)
        frame = self._palettes.pull()
        frame.pict_type = av.video.frame.PictureType.NONE  # else the encoder takes over what the filter says
        yield frame


def _palettes(picture: av.VideoFrame) -> av.filter.Graph:
    """Filters that give each picture like this one its 256 colours, see FFmpeg's palettegen and paletteuse."""
    graph = av.filter.Graph()
    size = {"width": picture.width, "height": picture.height}
    source = graph.add_buffer(**size, format=picture.format, time_base=picture.time_base)
    both, colors = graph.add("split"), graph.add("palettegen", "stats_mode=single")
    # A light pattern that stays in its place: diffused errors are specks that flicker in pictures as small as these.
    used, sink = graph.add("paletteuse", "new=1:dither=bayer:bayer_scale=5"), graph.add("buffersink")
    source.link_to(both)
    both.link_to(colors, 0, 0)
    both.link_to(used, 1, 0)
    colors.link_to(used, 0, 1)
    used.link_to(sink)
    graph.configure()
    return graph


class PngEncoder:
    """`frame_000000.png` and so on in a new folder: the exact pixels."""

    def __init__(self, path: Path, fps: float) -> None:
        path.mkdir()
        self._folder = path
        self._count = 0

    def write(self, frame: np.ndarray) -> None:
        """frame: (h, w, 3) uint8."""
        Image.fromarray(frame).save(self._folder / f"frame_{self._count:06d}.png")
        self._count += 1

    def close(self) -> None:
        """Every frame is already written."""
