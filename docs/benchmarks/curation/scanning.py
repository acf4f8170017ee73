"""One decoding pass over a file that feeds a recorder, for the measurements in this folder; upright files alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import av
import numpy as np

from pvdm.curation.signals.signal_recorder import SignalRecorder
from pvdm.curation.signals.signal_scores import clip_scores
from pvdm.video import VideoInfo

SUFFIXES = {".avi", ".mp4", ".mkv", ".webm"}
SETS = ("UCF-101", "captioned", "signs", "weizmann", "curation")


class Recorder(Protocol):
    """What takes the frames of a file; see `pvdm.curation.signals.SignalRecorder`."""

    def frame(self, number: int, seconds: float, small: np.ndarray) -> None: ...
    def sample(self, number: int, seconds: float, picture: np.ndarray, luma: np.ndarray) -> None: ...
    def arrays(self) -> dict[str, np.ndarray]: ...


def videos(folder: Path) -> list[Path]:
    """All videos below a folder, in order."""
    return sorted(path for path in folder.rglob("*") if path.suffix in SUFFIXES)


def decoded(path: Path, options: dict[str, str] | None = None) -> Iterator[tuple[int, float, av.VideoFrame]]:
    """(number, seconds, frame) of every frame; options: those of the codec."""
    with av.open(str(path)) as container:
        codec = container.streams.video[0].codec_context
        codec.thread_count, codec.options = 1, options or {}
        for number, frame in enumerate(container.decode(video=0)):
            yield number, float(frame.time or 0), frame


def sampled(frames: Iterator[tuple[int, float, av.VideoFrame]]) -> Iterator[tuple[bool, int, float, av.VideoFrame]]:
    """The same with a flag: whether it is the first frame at or after k / 2 s."""
    due = 0
    for number, seconds, frame in frames:
        is_sample = seconds >= due / 2 - 1e-6
        if is_sample:
            due = int(seconds * 2 + 1e-6) + 1
        yield is_sample, number, seconds, frame


def luma(frame: av.VideoFrame) -> np.ndarray:
    """(h, w) uint8, the luma plane."""
    if not frame.format.name.startswith(("yuv", "nv")) or frame.format.components[0].bits != 8:
        return frame.to_ndarray(format="gray")
    plane = frame.planes[0]
    return np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)[:, : plane.width]


def scaled(frame: av.VideoFrame, short: int, pixels: str) -> np.ndarray:
    """(h, w, 3) uint8 with the given short side, or the video's own if less."""
    factor = min(1, short / min(frame.width, frame.height))
    size = {"width": round(frame.width * factor), "height": round(frame.height * factor)}
    return frame.to_ndarray(format=pixels, interpolation="AREA", **size)


def scan(path: Path, *recorders: Recorder) -> dict[str, Any]:
    """The arrays of all recorders and `frame_seconds`, `sample_number` and so on, as the driver adds them."""
    times: dict[str, list[float]] = {
        key: [] for key in ("frame_number", "frame_seconds", "sample_number", "sample_seconds")
    }
    for is_sample, number, seconds, frame in sampled(decoded(path)):
        small = scaled(frame, 90, "bgr24")
        picture = scaled(frame, 256, "rgb24") if is_sample else None
        for recorder in recorders:
            recorder.frame(number, seconds, small)
            if picture is not None:
                recorder.sample(number, seconds, picture, luma(frame))
        for kind in ("frame", "sample") if is_sample else ("frame",):
            times[f"{kind}_number"].append(number)
            times[f"{kind}_seconds"].append(seconds)
    arrays = {key: np.array(value) for key, value in times.items()}
    return arrays | {key: value for recorder in recorders for key, value in recorder.arrays().items()}


def scanned(path: Path, root: Path, cache: Path) -> dict[str, np.ndarray]:
    """What a new SignalRecorder says of a file below root, kept in a folder for the other measurements."""
    kept = cache / ("__".join(path.relative_to(root).parts) + ".npz")
    if not kept.exists():
        cache.mkdir(parents=True, exist_ok=True)
        np.savez(kept, **scan(path, SignalRecorder()), size=size(path))
    with np.load(kept) as arrays:
        return dict(arrays)


def size(path: Path) -> tuple[int, int]:
    """(height, width)"""
    with av.open(str(path)) as container:
        codec = container.streams.video[0].codec_context
        return codec.height, codec.width


def scores(arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    """The scores of the whole file as one clip."""
    frames, (height, width) = len(arrays["frame_number"]), map(int, arrays["size"])
    return clip_scores(arrays, 0, frames - 1, facts=VideoInfo(frames, height, width, 25.0))
