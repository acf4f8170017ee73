"""A small heap of raw video with known answers: moving textures, joined by cuts and dissolves, copies, broken files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import av
import cv2
import numpy as np

HEIGHT, WIDTH, FPS = 96, 128, 12


def texture(seed: int) -> np.ndarray:
    """(2 * HEIGHT, 2 * WIDTH, 3) uint8: blobs of a few colors, unlike those of any other seed."""
    generator = np.random.default_rng(seed)
    coarse = generator.integers(0, 256, (9, 12, 3), dtype=np.uint8)
    return cv2.resize(coarse, (2 * WIDTH, 2 * HEIGHT), interpolation=cv2.INTER_CUBIC)


def shot(seed: int, frames: int, step: float = 1.0) -> np.ndarray:
    """(frames, HEIGHT, WIDTH, 3) uint8: a texture that the camera passes over, `step` pixels a frame."""
    picture, offsets = texture(seed), (np.arange(frames) * step).round().astype(int) % WIDTH
    return np.stack([picture[HEIGHT // 2 :, offset:][:HEIGHT, :WIDTH] for offset in offsets])


def dissolved(first: np.ndarray, second: np.ndarray, frames: int) -> np.ndarray:
    """Two shots of which the last and first `frames` are mixed."""
    weights = (np.arange(1, frames + 1) / (frames + 1))[:, None, None, None]
    mixed = first[-frames:] * (1 - weights) + second[:frames] * weights
    return np.concatenate([first[:-frames], mixed.round().astype(np.uint8), second[frames:]])


def write(path: Path, frames: np.ndarray, *, fps: int = FPS, crf: int = 20) -> Path:
    """Writes (t, h, w, 3) uint8 RGB as H.264."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps, options={"crf": str(crf), "preset": "ultrafast", "g": "12"})
        stream.height, stream.width, stream.pix_fmt = frames.shape[1], frames.shape[2], "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def heap(folder: Path) -> Path:
    """A folder with nine files, of which three are no videos."""
    first, second, third = (shot(seed, 48) for seed in (1, 2, 3))
    write(folder / "joined.mp4", np.concatenate([first, second, third]))
    write(folder / "below" / "mixed.mp4", dissolved(shot(4, 48), shot(5, 48), 10))
    write(folder / "still.mp4", np.repeat(texture(6)[None, :HEIGHT, :WIDTH], 36, axis=0))
    write(folder / "copy.mp4", second, crf=32)
    write(folder / "mirrored.mp4", np.ascontiguousarray(third[:, :, ::-1]))
    write(folder / "one.mp4", shot(7, 1))
    (folder / "empty.mp4").write_bytes(b"")
    (folder / "text.mkv").write_text("no video")
    whole = write(folder / "cut_off.mp4", shot(8, 24)).read_bytes()
    (folder / "cut_off.mp4").write_bytes(whole[: len(whole) // 3])
    return folder


def spans(rows: Sequence[dict], file: str) -> list[tuple[int, int]]:
    """The clips of a file."""
    return [(row["first_frame"], row["last_frame"]) for row in rows if row["file"] == file and not row["error"]]
