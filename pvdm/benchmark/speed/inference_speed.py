"""Speed without training: encode, decode, one evaluation of the denoiser, a sampled clip, and a streamed video."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
from torch import Tensor

from pvdm.autoencoder import Triplane
from pvdm.benchmark.speed.measured_model import MeasuredModel
from pvdm.benchmark.speed.measuring import Measured, measure
from pvdm.benchmark.speed.speed_options import SpeedOptions
from pvdm.diffusion import Condition
from pvdm.generation import VideoGenerator
from pvdm.video import VideoWriter


def encode(model: MeasuredModel, options: SpeedOptions) -> Measured:
    """Clips in [-1, 1] to planes."""
    size = model.autoencoder
    video = _random(options, 3, size.frames, size.height, size.width)
    return _network(model, options, lambda generator: generator.autoencoder.encode(video))


def decode(model: MeasuredModel, options: SpeedOptions) -> Measured:
    """Planes to clips in (-1, 1)."""
    shape = model.autoencoder.latent_shape
    planes = Triplane.split(_random(options, model.autoencoder.latent_channels, shape.positions), shape)
    return _network(model, options, lambda generator: generator.autoencoder.decode(planes))


def denoise(model: MeasuredModel, options: SpeedOptions) -> Measured:
    """One evaluation of the U-Net at random timesteps, every sample with a context."""
    size = model.autoencoder
    latent, context = (_random(options, size.latent_channels, size.latent_shape.positions) for _ in range(2))
    t = torch.randint(model.diffusion.timesteps, (options.batch_size,), device=options.device)
    inputs = (latent, t, Condition(context))
    return _network(model, options, lambda generator: generator.denoiser(*inputs))


def sample_clip(model: MeasuredModel, options: SpeedOptions) -> Measured:
    """Clips from noise to uint8 on the CPU, not written."""
    generator = model.generator

    def run() -> None:
        with generator.precision(options.precision):
            for _ in generator.stream(num_frames=generator.frames, videos=_videos(options), sampler=options.sampler):
                pass  # to its end, so that no thread keeps working

    return measure(run, options.device, options.repeats, counting=partial(_countable, generator))


def stream(model: MeasuredModel, options: SpeedOptions) -> Measured:
    """Videos of many clips, each clip written to mp4 as it comes; the time to the first, and the rate after it."""
    generator = model.generator
    own, apart = _Stream(generator, options), _Stream(generator, options, overlap=False)
    counting = partial(_countable, generator)
    found = measure(own.run, options.device, options.repeats, counting=counting)
    found.items = options.batch_size * options.frames
    found.extra |= own.figures(len(found.seconds))
    if options.device.type == "cuda":
        without = measure(apart.run, options.device, options.repeats, counting=counting)
        found.extra["seconds_without_overlap"] = without.median
    return found


class _Stream:
    """Streams and writes a video, and notes when the first clip was there."""

    def __init__(self, generator: VideoGenerator, options: SpeedOptions, *, overlap: bool | None = None) -> None:
        self.generator, self.options, self.overlap = generator, options, overlap
        self.firsts: list[float] = []
        self.rates: list[float] = []

    def run(self) -> None:
        generator, options = self.generator, self.options
        start = perf_counter()
        with (
            _overlapping(generator, self.overlap),
            generator.precision(options.precision),
            _writers(options, generator.fps) as writers,
        ):
            clips = generator.stream(num_frames=options.frames, videos=_videos(options), sampler=options.sampler)
            _write(next(clips), writers)
            first = perf_counter()
            for batch in clips:
                _write(batch, writers)
        self.firsts.append(first - start)
        later = options.batch_size * (options.frames - generator.frames)
        self.rates.append(later / (perf_counter() - first))

    def figures(self, timed: int) -> dict[str, Any]:
        """Medians of the last `timed` runs; those before were counted or warmed up."""
        is_long = self.options.frames > self.generator.frames
        return {
            "first_clip_seconds": statistics.median(self.firsts[-timed:]),
            "frames_per_second_after_it": statistics.median(self.rates[-timed:]) if is_long else None,
        }


def _network(model: MeasuredModel, options: SpeedOptions, use: Callable[[VideoGenerator], Any]) -> Measured:
    """A call of one network, without gradients."""
    generator = model.generator

    def run() -> None:
        with torch.no_grad(), generator.precision(options.precision):
            use(generator)

    return measure(run, options.device, options.repeats)


def _random(options: SpeedOptions, *shape: int) -> Tensor:
    """(batch, *shape), uniform in [-1, 1)."""
    return 2 * torch.rand(options.batch_size, *shape, device=options.device) - 1


def _videos(options: SpeedOptions) -> list[tuple[int, int]]:
    """(seed, index) of each video."""
    return [(0, index) for index in range(options.batch_size)]


def _write(batch: Tensor, writers: list[VideoWriter]) -> None:
    for writer, clip in zip(writers, batch, strict=True):
        writer.write(clip)


@contextmanager
def _countable(generator: VideoGenerator) -> Iterator[None]:
    """This thread does everything, operation by operation, so that it can be counted."""
    with _overlapping(generator, False):
        graphed, generator._graphed = generator._graphed, None
        try:
            yield
        finally:
            generator._graphed = graphed


@contextmanager
def _overlapping(generator: VideoGenerator, overlap: bool | None) -> Iterator[None]:
    """Whether the next clip is sampled while one is decoded; None leaves it as it is."""
    before = generator.overlap
    generator.overlap = before if overlap is None else overlap
    try:
        yield
    finally:
        generator.overlap = before


@contextmanager
def _writers(options: SpeedOptions, fps: float) -> Iterator[list[VideoWriter]]:
    """One for each video, into a temporary folder."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        paths = [Path(folder) / f"{index}.mp4" for index in range(options.batch_size)]
        yield [stack.enter_context(VideoWriter(path, fps=fps)) for path in paths]
