"""From noise to pixels: a sampled clip, and a streamed video that is written as it comes."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

from torch import Tensor

from pvdm.benchmark.speed.measuring import Measured, measure
from pvdm.benchmark.speed.settings import Settings
from pvdm.benchmark.speed.subject import Subject
from pvdm.generation import VideoGenerator
from pvdm.video import VideoWriter


def sample_clip(subject: Subject, settings: Settings) -> Measured:
    """Clips from noise to uint8 on the CPU, not written."""
    generator = subject.generator

    def run() -> None:
        with generator.precision(settings.precision):
            for _ in generator.stream(num_frames=generator.frames, videos=_videos(settings), sampler=settings.sampler):
                pass  # to its end, so that no thread is left at work

    return measure({"own": run}, settings.device, settings.repeats, counting=partial(_countable, generator))["own"]


def stream(subject: Subject, settings: Settings) -> Measured:
    """Videos of many clips, each clip written as mp4 when it is there; the time of the first, and the rate after it."""
    generator = subject.generator
    own, apart = _Stream(generator, settings), _Stream(generator, settings, overlap=False)
    runs = {"own": own.run} | ({"apart": apart.run} if settings.device.type == "cuda" else {})
    found = measure(runs, settings.device, settings.repeats, counting=partial(_countable, generator), alike=True)
    streamed = found["own"]
    streamed.items = settings.batch_size * settings.frames
    streamed.extra |= own.figures(len(streamed.seconds))
    if "apart" in found:
        streamed.extra["seconds_without_overlap"] = found["apart"].median
    return streamed


class _Stream:
    """Streams a video and writes it, and notes when its first clip was there."""

    def __init__(self, generator: VideoGenerator, settings: Settings, *, overlap: bool | None = None) -> None:
        self.generator, self.settings, self.overlap = generator, settings, overlap
        self.firsts: list[float] = []
        self.rates: list[float] = []

    def run(self) -> None:
        generator, settings = self.generator, self.settings
        start = perf_counter()
        with (
            _overlapping(generator, self.overlap),
            generator.precision(settings.precision),
            _writers(settings, generator.fps) as writers,
        ):
            clips = generator.stream(num_frames=settings.frames, videos=_videos(settings), sampler=settings.sampler)
            _write(next(clips), writers)
            first = perf_counter()
            for batch in clips:
                _write(batch, writers)
        self.firsts.append(first - start)
        later = settings.batch_size * (settings.frames - generator.frames)
        self.rates.append(later / (perf_counter() - first))

    def figures(self, timed: int) -> dict[str, Any]:
        """Medians of the last `timed` runs; those before were counted or warmed up."""
        is_long = self.settings.frames > self.generator.frames
        return {
            "first_clip_seconds": statistics.median(self.firsts[-timed:]),
            "frames_per_second_after_it": statistics.median(self.rates[-timed:]) if is_long else None,
        }


def _videos(settings: Settings) -> list[tuple[int, int]]:
    return [(0, index) for index in range(settings.batch_size)]


def _write(batch: Tensor, writers: list[VideoWriter]) -> None:
    for writer, clip in zip(writers, batch, strict=True):
        writer.write(clip)


@contextmanager
def _countable(generator: VideoGenerator) -> Iterator[None]:
    """Within it this thread does everything, operation by operation."""
    with _overlapping(generator, False):
        graphed, generator._graphed = generator._graphed, None
        try:
            yield
        finally:
            generator._graphed = graphed


@contextmanager
def _overlapping(generator: VideoGenerator, overlap: bool | None) -> Iterator[None]:
    """Within it the next clip is sampled while one is decoded, or not; None leaves it as it is."""
    before = generator.overlap
    generator.overlap = before if overlap is None else overlap
    try:
        yield
    finally:
        generator.overlap = before


@contextmanager
def _writers(settings: Settings, fps: float) -> Iterator[list[VideoWriter]]:
    """One for each video, into a folder that goes away."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        paths = [Path(folder) / f"{index}.mp4" for index in range(settings.batch_size)]
        yield [stack.enter_context(VideoWriter(path, fps=fps)) for path in paths]
