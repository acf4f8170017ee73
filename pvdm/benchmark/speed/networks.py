"""The networks by themselves: encode, decode, and one evaluation of the denoiser, beside the plain computation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from pvdm.autoencoder import Triplane
from pvdm.benchmark.speed.measuring import Measured, Run, measure
from pvdm.benchmark.speed.plain import plain_decode, plain_denoise, plain_encode
from pvdm.benchmark.speed.settings import Settings
from pvdm.benchmark.speed.subject import Subject
from pvdm.diffusion import Condition
from pvdm.generation import VideoGenerator

Use = Callable[[VideoGenerator], Any]
"""What is measured, of a model."""


def encode(subject: Subject, settings: Settings) -> Measured:
    """Clips in [-1, 1] to planes."""
    size = subject.autoencoder
    video = _random(settings, 3, size.frames, size.height, size.width)
    return _beside(
        subject,
        settings,
        lambda generator: generator.autoencoder.encode(video),
        lambda generator: plain_encode(generator.autoencoder, video),
    )


def decode(subject: Subject, settings: Settings) -> Measured:
    """Planes to clips in (-1, 1)."""
    shape = subject.autoencoder.latent_shape
    planes = Triplane.split(_random(settings, subject.autoencoder.latent_channels, shape.positions), shape)
    return _beside(
        subject,
        settings,
        lambda generator: generator.autoencoder.decode(planes),
        lambda generator: plain_decode(generator.autoencoder, planes),
    )


def denoise(subject: Subject, settings: Settings) -> Measured:
    """One evaluation of the U-Net at random times, every sample with a context."""
    size = subject.autoencoder
    latent, context = (_random(settings, size.latent_channels, size.latent_shape.positions) for _ in range(2))
    t = torch.randint(subject.diffusion.timesteps, (settings.batch_size,), device=settings.device)
    inputs = (latent, t, Condition(context))
    return _beside(
        subject,
        settings,
        lambda generator: generator.denoiser(*inputs),
        lambda generator: plain_denoise(generator.denoiser, *inputs),
    )


def _beside(subject: Subject, settings: Settings, run: Use, plain_run: Use) -> Measured:
    """Ours and, if asked for, the plain computation in float32 of the same inputs in turn with it."""
    runs = {"own": _without_gradients(run, subject.generator, settings.precision)}
    if settings.plain:
        runs["plain"] = _without_gradients(plain_run, subject.plain, "32")
    found = measure(runs, settings.device, settings.repeats)
    if settings.plain:
        found["own"].plain = found["plain"]
    return found["own"]


def _without_gradients(run: Use, generator: VideoGenerator, precision: str) -> Run:
    def once() -> None:
        with torch.no_grad(), generator.precision(precision):
            run(generator)

    return once


def _random(settings: Settings, *shape: int) -> Tensor:
    """(batch, *shape), uniform in [-1, 1)."""
    return 2 * torch.rand(settings.batch_size, *shape, device=settings.device) - 1
