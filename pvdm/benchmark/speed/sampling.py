"""From noise to pixels: a sampled clip, and a streamed video that is written as it comes."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import perf_counter

from torch import Tensor

from pvdm.benchmark.speed.measuring import Measured, measure
from pvdm.benchmark.speed.settings import Settings
from pvdm.benchmark.speed.subject import Subject
from pvdm.video import VideoWriter


def sample_clip(subject: Subject, settings: Settings) -> Measured:
    """Clips from noise to uint8 on the CPU, not written."""
    generator = subject.generator

    def run() -> None:
        with generator.precision(settings.precision):
            next(generator.stream(videos=_videos(settings), sampler=settings.sampler))

    return measure({"own": run}, settings.device, settings.repeats)["own"]


def stream(subject: Subject, settings: Settings) -> Measured:
    """Videos of many clips, each clip written as mp4 when it is there; the time of the first, and the rate after it."""
    generator, firsts, rates = subject.generator, [], []
    later = settings.frames - generator.frames

    def run() -> None:
        start = perf_counter()
        with generator.precision(settings.precision), _writers(settings, generator.fps) as writers:
            clips = generator.stream(num_frames=settings.frames, videos=_videos(settings), sampler=settings.sampler)
            _write(next(clips), writers)
            first = perf_counter()
            for batch in clips:
                _write(batch, writers)
        firsts.append(first - start)
        rates.append(settings.batch_size * later / (perf_counter() - first))

    found = measure({"own": run}, settings.device, settings.repeats)["own"]
    found.items = settings.batch_size * settings.frames
    timed = slice(-len(found.seconds), None)  # not those that were counted or warmed up
    found.extra["first_clip_seconds"] = statistics.median(firsts[timed])
    found.extra["frames_per_second_after_it"] = statistics.median(rates[timed]) if later > 0 else None
    return found


def _videos(settings: Settings) -> list[tuple[int, int]]:
    return [(0, index) for index in range(settings.batch_size)]


def _write(batch: Tensor, writers: list[VideoWriter]) -> None:
    for writer, clip in zip(writers, batch, strict=True):
        writer.write(clip)


@contextmanager
def _writers(settings: Settings, fps: float) -> Iterator[list[VideoWriter]]:
    """One for each video, into a folder that goes away."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        paths = [Path(folder) / f"{index}.mp4" for index in range(settings.batch_size)]
        yield [stack.enter_context(VideoWriter(path, fps=fps)) for path in paths]
