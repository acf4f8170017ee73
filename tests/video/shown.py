"""Files of many kinds, and their frames by FFmpeg's own filters: the reference for what a player shows."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.filter import Graph

GROUPS = {
    "closed": ("libx264", {"g": "8"}),
    "open": ("libx264", {"x264-params": "bframes=3:keyint=8:open-gop=1:scenecut=0"}),
    "refreshed": ("libx264", {"x264-params": "bframes=0:keyint=8:intra-refresh=1:scenecut=0"}),
    "hevc": ("libx265", {"x265-params": "keyint=8:open-gop=1:log-level=none:pools=1:frame-threads=1"}),
}


def soft(frames: int, height: int = 48, width: int = 64) -> np.ndarray:
    """(t, height, width, 3) uint8: a smooth picture without any symmetry."""
    t, y, x = np.meshgrid(np.arange(frames), np.arange(height) / height, np.arange(width) / width, indexing="ij")
    planes = [x * 180 + 40 * y, 200 * y * y + 10 * x + 5 * t, 128 + 90 * np.sin(3 * x + 2 * y + 0.2 * t)]
    return np.stack(planes, axis=-1).astype(np.uint8)


def write(
    path: Path,
    frames: np.ndarray,
    codec: str = "libx264",
    pixels: str = "yuv420p",
    *,
    aspect: Fraction | None = None,
    matrix: tuple[int, ...] | None = None,
    source: str = "rgb24",
    colors: dict[str, int] | None = None,
    **options: str,
) -> Path:
    """frames: (t, h, w, channels) of the format `source`; colors: attributes of the codec."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options=options)
        stream.height, stream.width, stream.pix_fmt = *frames.shape[1:3], pixels
        stream.codec_context.thread_count = 1
        if aspect:
            stream.codec_context.sample_aspect_ratio = aspect
        if matrix:
            stream.set_display_matrix(matrix)
        for name, value in (colors or {}).items():
            setattr(stream.codec_context, name, value)
        for frame in frames:
            picture = av.VideoFrame.from_ndarray(frame, format=source)
            container.mux(stream.encode(picture.reformat(format=pixels)))
        container.mux(stream.encode())
    return path


def filtered(path: Path, *filters: tuple[str, str]) -> np.ndarray:
    """All frames of the best video stream through FFmpeg's filters (name, arguments), (t, h, w, 3) uint8 RGB."""
    with av.open(str(path)) as container:
        stream = container.streams.best("video")
        frames = list(container.decode(stream))
        aspect = stream.sample_aspect_ratio or Fraction(1)
    return np.stack([frame.to_ndarray(format="rgb24") for frame in through(frames, aspect, *filters)])


def through(frames: list[av.VideoFrame], aspect: Fraction, *filters: tuple[str, str]) -> list[av.VideoFrame]:
    first, graph = frames[0], Graph()
    source = graph.add(
        "buffer",
        f"video_size={first.width}x{first.height}:pix_fmt={first.format.name}:time_base=1/1000:"
        f"pixel_aspect={aspect.numerator}/{aspect.denominator}:colorspace={int(first.colorspace)}:"
        f"range={int(first.color_range)}",
    )
    graph.link_nodes(source, *(graph.add(*chosen) for chosen in filters), graph.add("buffersink")).configure()
    for frame in frames:
        graph.push(frame)
    graph.push(None)
    found = []
    while True:
        try:
            found.append(graph.pull())
        except av.error.EOFError:
            return found
