"""Codecs, each tried: pvdm's own encoders, and decoders on a few frames that FFmpeg encodes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import numpy as np
from PIL import Image, ImageSequence

from pvdm.commands.installation.finding import Finding
from pvdm.errors import one_line
from pvdm.video.encoders import GifEncoder, Mp4Encoder, WebmEncoder, WebpEncoder

WRITTEN = {"mp4 (H.264)": Mp4Encoder, "webm (VP9)": WebmEncoder, "gif": GifEncoder, "webp": WebpEncoder}
NEEDED = "mp4 (H.264)"
"""What every command that writes video uses by default."""

READ = {
    "H.264": ("h264", "libx264"),
    "HEVC": ("hevc", "libx265"),
    "AV1": ("av1", "libsvtav1"),
    "VP9": ("vp9", "libvpx-vp9"),
    "MPEG-4": ("mpeg4", "mpeg4"),
    "ProRes": ("prores", "prores_ks"),
    "Motion JPEG": ("mjpeg", "mjpeg"),
}
"""Codecs by the names of their decoder and of an encoder that makes a file to try it on."""

PIXELS = {"prores_ks": "yuv422p10le", "mjpeg": "yuvj420p"}
QUIET = {"libx265": {"x265-params": "log-level=none"}}
FRAMES, SIZE = 3, 64
MOST_ERROR = 12
"""Of the mean gray level; all of these codecs are below 3 on the frames of the trial."""

REMEDY = "pip install --force-reinstall av, whose wheels bring it"


def codec_findings() -> Iterator[Finding]:
    """What can be written, and what can be read."""
    yield from map(_written, WRITTEN)
    with _quiet_av1():
        found = {name: _read(decoder, encoder) for name, (decoder, encoder) in READ.items()}
    yield Finding("read", ", ".join(name for name, why in found.items() if why == ""))
    for name, why in found.items():
        if why is None:
            yield Finding(name, "there is a decoder, and nothing to try it with")
        elif why:
            yield Finding(name, f"cannot be read: {why}", "absent", REMEDY)


def _written(name: str) -> Finding:
    """After a few frames were written as a command writes them, and read back."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "trial")
        try:
            encoder = WRITTEN[name](path, 10)
            for frame in _pictures():
                encoder.write(frame)
            encoder.close()
            why = _wrong(_levels_by_pillow(path) if name == "webp" else _levels(str(path)))
        except (OSError, ValueError) as error:  # FFmpeg's are either; ValueError: there is no such encoder
            why = one_line(error)
    if not why:
        return Finding(name, "can be written")
    return Finding(name, f"cannot be written: {why}", "broken" if name == NEEDED else "absent", REMEDY)


def _read(decoder: str, encoder: str) -> str | None:
    """Why frames of this codec cannot be read; empty if they were, None if there is nothing to encode them with."""
    try:
        av.Codec(decoder, "r")
    except ValueError as error:
        return one_line(error)
    try:
        file = _encoded(encoder)
    except (OSError, ValueError):
        return None
    try:
        return _wrong(_levels(file))
    except (OSError, ValueError) as error:
        return one_line(error)


@contextmanager
def _quiet_av1() -> Iterator[None]:
    """Keeps the encoder of AV1 from printing its settings."""
    before = os.environ.get("SVT_LOG")
    os.environ["SVT_LOG"] = "0"
    yield
    os.environ.pop("SVT_LOG")
    os.environ.update({} if before is None else {"SVT_LOG": before})


def _encoded(encoder: str) -> BytesIO:
    """A Matroska file of the pictures."""
    file = BytesIO()
    with av.open(file, "w", format="matroska") as container:
        stream = container.add_stream(encoder, rate=Fraction(10), options=QUIET.get(encoder, {}))
        stream.height = stream.width = SIZE
        stream.pix_fmt = PIXELS.get(encoder, "yuv420p")
        for index, picture in enumerate(_pictures()):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format=stream.pix_fmt)
            frame.pts, frame.time_base = index, Fraction(1, 10)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    file.seek(0)
    return file


def _pictures() -> list[np.ndarray]:
    """Frames of rising gray level, each (h, w, 3) uint8."""
    return [np.full((SIZE, SIZE, 3), 60 + 50 * index, np.uint8) for index in range(FRAMES)]


def _levels(file: str | BytesIO) -> list[float]:
    """The mean gray level of each frame of a file."""
    with av.open(file) as container:
        return [float(frame.to_ndarray(format="gray").mean()) for frame in container.decode(video=0)]


def _levels_by_pillow(file: Path) -> list[float]:
    """The same of an animated WebP, which FFmpeg does not read."""
    with Image.open(file) as picture:
        return [float(np.asarray(frame.convert("L")).mean()) for frame in ImageSequence.Iterator(picture)]


def _wrong(levels: list[float]) -> str:
    """What is wrong with gray levels that were read back; empty if nothing."""
    if len(levels) != FRAMES:
        return f"{len(levels)} of {FRAMES} frames came back"
    error = max(abs(level - float(picture.mean())) for level, picture in zip(levels, _pictures(), strict=True))
    return "" if error < MOST_ERROR else f"frames came back with an error of {error:.0f} gray levels"
