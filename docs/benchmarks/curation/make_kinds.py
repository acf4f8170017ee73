"""Makes clips whose kind and bars are known, from other clips, to measure `clip_kind` and the letterbox.

    python make_kinds.py SOURCES MADE [--each 6]

SOURCES is a folder of videos, such as DATA/UCF-101. MADE gets <kind>_<way>_<number>.mp4, and for the letterbox
bars_<top>_<bottom>_<left>_<right>_<number>.mp4. Encoded with H.264 at CRF 20, 28 and 35 in turn.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
from scanning import decoded, videos

SIZE = (480, 270)
WORDS = ("frame", "light", "river", "table", "seven", "green", "under", "music", "paper", "stone", "window", "garden")
CURSOR = np.array([[0, 0], [0, 14], [4, 11], [10, 10]])


def read(path: Path, most: int) -> list[np.ndarray]:
    return [frame.to_ndarray(format="bgr24") for _, (_, _, frame) in zip(range(most), decoded(path), strict=False)]


def write(path: Path, frames: list[np.ndarray], crf: int) -> None:
    height, width = (side // 2 * 2 for side in frames[0].shape[:2])
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(25), options={"crf": str(crf), "preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.thread_count = 1
        for pixels in frames:
            picture = np.ascontiguousarray(pixels[:height, :width])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        container.mux(stream.encode())


def fitted(picture: np.ndarray) -> np.ndarray:
    return cv2.resize(picture, SIZE, interpolation=cv2.INTER_AREA)


def page(draw: np.random.Generator, height: int, width: int) -> np.ndarray:
    """A page of text: black on white, or light on dark."""
    paper, ink = [((255, 255, 255), (20, 20, 20)), ((38, 34, 30), (220, 215, 200))][draw.integers(2)]
    picture = np.full((height, width, 3), paper, np.uint8)
    for row in range(20, height, 18):
        text = " ".join(draw.choice(WORDS, draw.integers(3, 11)))
        cv2.putText(picture, text, (16, row), cv2.FONT_HERSHEY_SIMPLEX, 0.42, ink, 1, cv2.LINE_AA)
    return picture


def with_cursor(picture: np.ndarray, x: float, y: float) -> np.ndarray:
    shown, outline = picture.copy(), (CURSOR + np.array([x, y])).astype(np.int32)
    cv2.fillPoly(shown, [outline], (0, 0, 0))
    cv2.polylines(shown, [outline], True, (255, 255, 255))
    return shown


def scrolled(draw: np.random.Generator) -> list[np.ndarray]:
    """A page that scrolls half of the time, and a cursor that wanders."""
    text, top, place, frames = page(draw, 1500, 640), 0, np.array([300.0, 150.0]), []
    for number in range(100):
        top = min(top + (number // 20 % 2) * 6, 1100)
        place = np.clip(place + draw.normal(scale=3, size=2), 5, 340)
        frames.append(with_cursor(text[top : top + 360], *place))
    return frames


def typed(draw: np.random.Generator) -> list[np.ndarray]:
    """A page on which a word after the other appears."""
    text, frames = page(draw, 360, 640), []
    shown = np.full_like(text, text[0, 0])
    for number in range(100):
        row, column = divmod(900 + number * 7, 640)
        end = 25 + 18 * (row + 4)
        shown[:end], shown[end : end + 18, :column] = text[:end], text[end : end + 18, :column]
        frames.append(shown.copy())
    return frames


def shaken(frames: list[np.ndarray], draw: np.random.Generator, strength: float) -> list[np.ndarray]:
    """Shifted at random from frame to frame, strength in hundredths of the height."""
    moved = []
    for frame in map(fitted, frames):
        x, y = draw.normal(scale=strength * SIZE[1] / 100, size=2)
        matrix = np.array([[1.15, 0, x - 0.075 * SIZE[0]], [0, 1.15, y - 0.075 * SIZE[1]]])
        moved.append(cv2.warpAffine(frame, matrix, SIZE))
    return moved


def panned(picture: np.ndarray, speed: int) -> list[np.ndarray]:
    """Over a picture twice as large, `speed` pixels a frame."""
    large = cv2.resize(picture, (2 * SIZE[0], 2 * SIZE[1]), interpolation=cv2.INTER_CUBIC)
    return [cv2.warpAffine(large, np.array([[1.0, 0, -speed * x], [0, 1, -90]]), SIZE) for x in range(75)]


def zoomed(picture: np.ndarray, draw: np.random.Generator, share: float) -> list[np.ndarray]:
    """Into a picture or out of it, towards any place, by a share of its size in 3 s."""
    size, place = np.array(SIZE), draw.uniform(0.3, 0.7, 2)
    large, frames = cv2.resize(picture, tuple(2 * size), interpolation=cv2.INTER_CUBIC), []
    for number in range(75):
        scale = 2 * (1 - share * number / 74)
        x, y = (2 - scale) * size * place
        view = np.array([[scale, 0, x], [0, scale, y]])
        frames.append(cv2.warpAffine(large, view, SIZE, flags=cv2.INTER_AREA | cv2.WARP_INVERSE_MAP))
    return frames[:: draw.choice([-1, 1])]


def slides(pictures: list[np.ndarray], held: int, dissolve: int) -> list[np.ndarray]:
    frames = []
    for here, there in pairwise(pictures):
        frames += [here] * held
        shares = [number / (dissolve + 1) for number in range(1, dissolve + 1)]
        frames += [cv2.addWeighted(here, 1 - share, there, share, 0) for share in shares]
    return frames + [pictures[-1]] * held


def barred(frames: list[np.ndarray], sides: list[int]) -> list[np.ndarray]:
    """The picture keeps its size; black bars are around it."""
    return [cv2.copyMakeBorder(frame, *sides, cv2.BORDER_CONSTANT, value=(0, 0, 0)) for frame in frames]


def made(sources: list[Path], number: int, draw: np.random.Generator) -> Iterator[tuple[str, list[np.ndarray]]]:
    """Names and frames of one of each."""
    chosen = [sources[index] for index in draw.permutation(len(sources))[:4]]
    clip = read(chosen[0], 75)
    pictures = [fitted(read(path, 1)[0]) for path in chosen]
    yield "still_picture", pictures[:1] * 75
    yield "slideshow_steps", slides(pictures, 25 + 5 * number, 0)
    yield "slideshow_dissolves", slides(pictures, 40, 6 + number)
    yield "screen_scrolled", scrolled(draw)
    yield "screen_typed", typed(draw)
    yield "shaking_shifts", shaken(clip, draw, [0.8, 1.5, 2.5][number % 3])
    yield "photo_panned", panned(read(chosen[1], 1)[0], [1, 2, 4][number % 3])
    yield "photo_zoomed", zoomed(read(chosen[2], 1)[0], draw, [0.1, 0.2, 0.3][number // 3 % 3])
    content = [frame[36:-36, 46:-46] for frame in clip[:40]]  # without the bars that many have
    odd = np.array([1, -1, 1, -1])
    sides = (2 * draw.integers(8, 35, 4) + odd) * np.repeat([number % 3 > 0, number % 3 < 2], 2)
    yield "bars_" + "_".join(map(str, sides)), barred(content, sides.tolist())


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("sources", type=Path)
    parser.add_argument("made", type=Path)
    parser.add_argument("--each", type=int, default=6)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    options.made.mkdir(parents=True, exist_ok=True)
    draw, sources = np.random.default_rng(0), videos(options.sources)
    for number in range(options.each):
        for name, frames in made(sources, number, draw):
            write(options.made / f"{name}_{number}.mp4", frames, [20, 28, 35][number % 3])


if __name__ == "__main__":
    main()
