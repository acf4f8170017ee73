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
    generator, times = model.generator, []

    def run() -> None:
        start = perf_counter()
        with generator.precision(options.precision), _writers(options, generator.fps) as writers:
            clips = generator.stream(num_frames=options.frames, videos=_videos(options), sampler=options.sampler)
            _write(next(clips), writers)
            first = perf_counter()
            for batch in clips:
                _write(batch, writers)
        times.append((first - start, perf_counter() - first))

    found = measure(run, options.device, options.repeats, counting=partial(_countable, generator))
    first, rest = map(statistics.median, zip(*times[-len(found.seconds) :], strict=True))
    later = options.batch_size * (options.frames - generator.frames)
    found.items = options.batch_size * options.frames
    found.extra |= {"first_clip_seconds": first, "frames_per_second_after_it": later / rest if later > 0 else None}
    if options.device.type == "cuda":
        with _without_overlap(generator):
            without = measure(run, options.device, options.repeats, counting=partial(_countable, generator))
        found.extra["seconds_without_overlap"] = without.median
    return found


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
    graphed, generator._graphed = generator._graphed, None
    try:
        with _without_overlap(generator):
            yield
    finally:
        generator._graphed = graphed


@contextmanager
def _without_overlap(generator: VideoGenerator) -> Iterator[None]:
    """A clip is decoded before the next one is sampled."""
    before, generator.overlap = generator.overlap, False
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
