"""What FFmpeg's own filters make of a file: the oracle for what a person sees."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.filter import Graph


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
