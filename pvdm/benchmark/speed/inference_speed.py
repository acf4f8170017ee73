"""Speed without training: read, encode, decode, one evaluation of the denoiser, a sampled clip, a streamed video."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pvdm.autoencoder import Triplane
from pvdm.benchmark.speed.measured_model import MeasuredModel
from pvdm.benchmark.speed.measuring import Measured, measure
from pvdm.benchmark.speed.speed_options import SpeedOptions
from pvdm.data import Video, find_videos
from pvdm.diffusion import Condition, SamplerConfig
from pvdm.errors import InputError
from pvdm.generation import VideoGenerator
from pvdm.generation.long_video.parallel_clips import ParallelVideo
from pvdm.video import ClipShape, VideoWriter, probe, read_clip, write_video

MADE, FRAMES, HEIGHT, WIDTH = 4, 180, 240, 320
"""Videos that are made where none are given; number, length and size are about those of UCF101."""

MOST = 64
"""Videos that are read of a folder, one clip of each."""

SIDE_BY_SIDE = 8
"""Clips of one video that are sampled at once."""


def read(model: MeasuredModel, options: SpeedOptions) -> Measured:
    """One clip of each video from a random frame: decoded, scaled, cropped, uint8."""
    size = model.autoencoder
    shape = ClipShape(size.frames, size.height, size.width)
    with _read_videos(options.data) as paths:
        videos = [video for video in (Video(path, probe(path)) for path in paths) if video.info.frames >= size.frames]
        if not videos:
            raise InputError(f"no video of {options.data} has the {size.frames} frames of a clip", "give longer ones")
        generator = np.random.default_rng(0)
        starts = [int(generator.integers(shape.last_start(video.info) + 1)) for video in videos]

        def run() -> None:
            for video, start in zip(videos, starts, strict=True):
                read_clip(video.path, shape, start, info=video.info)

        found = measure(run, options.device, options.repeats)
        found.items = len(videos)
        found.extra["videos"] = "given" if options.data else f"made, {FRAMES} frames of {WIDTH}x{HEIGHT}, H.264"
    return found


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

    def clips() -> Iterator[Tensor]:
        return generator.stream(num_frames=options.frames, videos=_videos(options), sampler=options.sampler)

    found = _streamed(generator, options, clips)
    if options.device.type == "cuda":
        with _without_overlap(generator):
            without = _streamed(generator, options, clips)
        found.extra["seconds_without_overlap"] = without.median
    return found


def chained(model: MeasuredModel, options: SpeedOptions, *, steps: int) -> Measured:
    """`stream` in so many steps."""
    return stream(model, replace(options, sampler=SamplerConfig(options.sampler.name, steps)))


def parallel(model: MeasuredModel, options: SpeedOptions, *, steps: int) -> Measured:
    """One video whose clips are sampled side by side in so many steps; its first clip waits for all key clips."""
    generator, alone = model.generator, replace(options, batch_size=1)

    def clips() -> Iterator[Tensor]:
        settings = {"sampler": SamplerConfig(options.sampler.name, steps), "batch_size": SIDE_BY_SIDE}
        return (part[None] for part in ParallelVideo(generator, options.frames, **settings).run())

    return _streamed(generator, alone, clips)


def _streamed(generator: VideoGenerator, options: SpeedOptions, clips: Callable[[], Iterator[Tensor]]) -> Measured:
    """Videos whose parts (b, 3, n, h, w) are written as they come."""
    times: list[tuple[float, float]] = []

    def run() -> None:
        start = perf_counter()
        with generator.precision(options.precision), _writers(options, generator.fps) as writers:
            parts = clips()
            _write(next(parts), writers)
            first = perf_counter()
            for batch in parts:
                _write(batch, writers)
        times.append((first - start, perf_counter() - first))

    found = measure(run, options.device, options.repeats, counting=partial(_countable, generator))
    first, rest = map(statistics.median, zip(*times[-len(found.seconds) :], strict=True))
    later = options.batch_size * (options.frames - generator.frames)
    found.items = options.batch_size * options.frames
    found.extra |= {"first_clip_seconds": first, "frames_per_second_after_it": later / rest if later > 0 else None}
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


@contextmanager
def _read_videos(folder: Path | None) -> Iterator[list[Path]]:
    """Those of the folder, or temporary ones."""
    if folder is not None:
        found = find_videos(folder)
        yield found[:: -(-len(found) // MOST)]
        return
    with tempfile.TemporaryDirectory() as made:
        paths = [Path(made) / f"{index}.mp4" for index in range(MADE)]
        for index, path in enumerate(paths):
            write_video(path, _moving(index), fps=25)
        yield paths


def _moving(seed: int) -> Tensor:
    """A picture of smooth noise that wanders, with a little noise in each frame: (3, t, h, w) uint8."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 3, HEIGHT // 8, WIDTH // 8, generator=generator)
    picture = torch.nn.functional.interpolate(coarse, size=(HEIGHT, WIDTH), mode="bicubic").clamp(0, 1)[0]
    frames = torch.stack([picture.roll((frame, 2 * frame), dims=(1, 2)) for frame in range(FRAMES)], dim=1)
    return (frames * 247).byte() + torch.randint(8, frames.shape, generator=generator, dtype=torch.uint8)
