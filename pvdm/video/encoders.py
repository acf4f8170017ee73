"""How frames become files: H.264 in MP4, or a folder of PNG images."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image

ITU601 = 5  # the matrix by which the encoder converts; players and our readers need it said
LIMITED_RANGE = 1


class Mp4Encoder:
    """H.264, 4:2:0, crf 18. Odd sizes grow by one row or column, a repetition of the last."""

    def __init__(self, path: Path, fps: float) -> None:
        self._container = av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"})
        self._fps = Fraction(fps).limit_denominator(1001)
        self._stream = None
        self._count = 0

    def write(self, frame: np.ndarray) -> None:
        """frame: (h, w, 3) uint8."""
        height, width = frame.shape[:2]
        frame = np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        if self._stream is None:
            self._stream = self._add_stream(*frame.shape[:2])
        picture = av.VideoFrame.from_ndarray(frame, format="rgb24")
        picture = picture.reformat(format="yuv420p", dst_colorspace=ITU601)
        picture.pts, picture.time_base = self._count, 1 / self._fps
        self._container.mux(self._stream.encode(picture))
        self._count += 1

    def close(self) -> None:
        """Writes what the encoder still holds."""
        try:
            if self._stream is not None:
                self._container.mux(self._stream.encode())
        finally:
            self._container.close()

    def _add_stream(self, height: int, width: int) -> av.video.stream.VideoStream:
        stream = self._container.add_stream("libx264", rate=self._fps, options={"crf": "18"})
        stream.height, stream.width, stream.pix_fmt = height, width, "yuv420p"
        stream.codec_context.time_base = 1 / self._fps
        stream.codec_context.colorspace = ITU601
        stream.codec_context.color_range = LIMITED_RANGE
        return stream


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
