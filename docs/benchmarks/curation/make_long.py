"""Makes one long file, for the measurements of time and memory.

    python make_long.py joined CLIPS OUTPUT.mp4 [--hours 0.17]
    python make_long.py small CLIPS OUTPUT.mp4 [--hours 10]

`joined` puts the packets of CLIPS one after the other, as they are, those that were encoded alike, again and again.
`small` encodes 64x36 pictures at 25 frames a second: parts of CLIPS, cropped, mirrored, and of changed light, so that
no shot is there twice; shots of 2 to 30 s, most of them joined by cuts, every tenth by a dissolve.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np
from scanning import videos

RATE, SIZE, KEPT = 25, (64, 36), (128, 72)
DISSOLVE = 12


def joined(clips: list[Path], output: Path, seconds: float) -> None:
    """Of the clips whose decoder is set up alike, the largest group."""
    heads = {path: _head(path) for path in clips}
    common = Counter(heads.values()).most_common(1)[0][0]
    alike = [path for path in clips if heads[path] == common]
    draw, reached = np.random.default_rng(0), 0
    with av.open(str(output), "w") as to:
        stream = None
        while not stream or reached * stream.time_base < seconds:
            with av.open(str(alike[draw.integers(len(alike))])) as container:
                source = container.streams.video[0]
                stream = stream or to.add_stream_from_template(source)
                start, end = reached, reached
                for packet in container.demux(source):
                    if packet.size:
                        packet.pts, packet.dts, packet.stream = packet.pts + start, packet.dts + start, stream
                        end = max(end, packet.pts + packet.duration)
                        to.mux(packet)
                reached = end


def _head(path: Path) -> tuple[object, ...]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return stream.codec_context.extradata, stream.time_base


def small(clips: list[Path], output: Path, seconds: float) -> None:
    """At a constant rate, with a key frame every 10 s."""
    with av.open(str(output), "w") as to:
        stream = to.add_stream("libx264", RATE, options={"preset": "veryfast", "crf": "23", "g": str(10 * RATE)})
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        stream.codec_context.thread_count = 1
        for number, picture in enumerate(_pictures(clips)):
            if number >= seconds * RATE:
                break
            to.mux(stream.encode(av.VideoFrame.from_ndarray(picture)))
        to.mux(stream.encode(None))


def _pictures(clips: list[Path]) -> Iterator[np.ndarray]:
    """Of one shot after the other, without end."""
    draw, sources = np.random.default_rng(0), [_decoded(path) for path in clips]
    before: list[np.ndarray] = []
    while True:
        shot = _shot(sources[draw.integers(len(sources))], draw)
        for number, old in enumerate(before):
            part = (number + 1) / (len(before) + 1)
            yield cv2.addWeighted(old, 1 - part, next(shot), part, 0)
        before = []
        pictures = list(shot)
        if draw.random() < 0.1 and len(pictures) > 2 * DISSOLVE:
            pictures, before = pictures[:-DISSOLVE], pictures[-DISSOLVE:]
        yield from pictures


def _shot(frames: np.ndarray, draw: np.random.Generator) -> Iterator[np.ndarray]:
    """A drawn part of a clip, forth and back if it is short, with light and crop of its own."""
    length = int(draw.uniform(2, 30) * RATE)
    top, left = draw.integers(0, KEPT[1] - SIZE[1] + 1), draw.integers(0, KEPT[0] - SIZE[0] + 1)
    side, gain, offset = draw.choice([-1, 1]), draw.uniform(0.6, 1.3), draw.uniform(-20, 20)
    start = draw.integers(len(frames))
    path = np.concatenate((np.arange(len(frames)), np.arange(len(frames) - 1, -1, -1)))
    for number in range(length):
        frame = frames[path[(start + number) % len(path)], top : top + SIZE[1], left : left + SIZE[0]][:, ::side]
        yield cv2.convertScaleAbs(frame, alpha=gain, beta=max(offset, 0))


def _decoded(path: Path) -> np.ndarray:
    """The first shot, about: (n, 72, 128, 3) uint8 RGB."""
    with av.open(str(path)) as container:
        width, height = KEPT
        return np.stack(
            [frame.to_ndarray(width=width, height=height, format="rgb24") for frame in container.decode(video=0)]
        )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=("joined", "small"))
    parser.add_argument("clips", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--hours", type=float, default=10)
    options = parser.parse_args()
    options.output.parent.mkdir(parents=True, exist_ok=True)
    {"joined": joined, "small": small}[options.kind](videos(options.clips), options.output, options.hours * 3600)


if __name__ == "__main__":
    main()
