"""A clip taken apart: its three planes, what each of them decodes to alone, and noise on its way to a clip."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from pvdm.autoencoder import Triplane
from pvdm.autoencoder.triplane import PLANES
from pvdm.demo.pictures import color_picture
from pvdm.demo.plane_pictures import content_colors, plane_pictures
from pvdm.diffusion import Condition, Prediction, SamplerConfig, VideoNoise
from pvdm.evaluation.metrics.fidelity import psnr
from pvdm.generation import VideoGenerator
from pvdm.video import to_float, to_uint8

MOMENTS = 8
"""At most how many steps of the sampler are shown, the first and the last among them."""

LOUDEST, VISIBLE = 32.0, 0.7
"""The largest gain of a faint clip, and the deviation from gray that its strongest pixels get, in [-1, 1]."""


class Part(NamedTuple):
    """One plane: its picture (3, rows, columns), the clip that it decodes to alone (3, t, h, w), both uint8.

    gain: How many times the clip's contrast was raised. without: PSNR in dB of the clip rebuilt without the plane.
    """

    picture: Tensor
    alone: Tensor
    gain: float
    without: float


class Anatomy(NamedTuple):
    """A clip and its reconstruction (3, t, h, w) uint8, the PSNR in dB between them, its planes and what they hold."""

    clip: Tensor
    rebuilt: Tensor
    psnr: float
    planes: Triplane
    parts: dict[str, Part]


class Moment(NamedTuple):
    """A step of a sampler: its number from 1 on, and the noise in its input as a share of the variance.

    noisy: Its input's content plane as a picture (3, rows, columns) uint8.
    clip: What the denoiser takes that for in one step, decoded: (3, t, h, w) uint8.
    """

    step: int
    noise: float
    noisy: Tensor
    clip: Tensor


@torch.no_grad()
def take_apart(generator: VideoGenerator, clip: Tensor) -> Anatomy:
    """The planes of a clip (3, t, h, w) uint8 of the model's size and length, and what each of them holds."""
    pixels = to_float(clip[None].to(generator.device))
    planes = generator.autoencoder.encode(pixels)
    decode = generator.autoencoder.decode
    rebuilt, nothing = decode(planes), decode(planes.map(flat))
    pictures = plane_pictures(planes.map(Tensor.cpu), content_colors(generator, planes).cpu())
    parts = {}
    for name in PLANES:
        alone, gain = _visible(decode(_with(planes, {name})), nothing)
        without = psnr(decode(_with(planes, {*PLANES} - {name})), pixels).item()
        parts[name] = Part(pictures[name], to_uint8(alone)[0].cpu(), gain, without)
    return Anatomy(clip, to_uint8(rebuilt)[0].cpu(), psnr(rebuilt, pixels).item(), planes, parts)


def flat(plane: Tensor) -> Tensor:
    """A plane (b, c, rows, columns) that says the same everywhere: the mean of each channel."""
    return plane.mean((2, 3), keepdim=True).expand_as(plane)


@torch.no_grad()
def denoising(
    generator: VideoGenerator,
    condition: Condition,
    sampler: SamplerConfig,
    *,
    seed: int,
    progress: Callable[[int, int], None] | None = None,
) -> list[Moment]:
    """A new clip at some steps of its sampling, from the first to the last, whose clip is the result.

    condition: That of one clip. Errors are those of `VideoGenerator.sample`.
    """
    seen: list[tuple[float, Tensor, Tensor]] = []

    def observe(x: Tensor, t: Tensor, prediction: Prediction) -> None:
        seen.append((1 - float(generator.schedule.alpha_bar[int(t[0])]), x, prediction.clean))

    generator.sample_latent(VideoNoise([(seed, 0, 0)]), condition, sampler, progress, observe=observe)
    shape = generator.autoencoder.config.latent_shape
    colors = content_colors(generator, Triplane.split(seen[-1][2], shape)).cpu()
    moments = []
    for place in shown_steps(len(seen)):
        noise, noisy, clean = seen[place]
        picture = color_picture(Triplane.split(noisy, shape).hw[0].cpu(), colors)
        moments.append(Moment(place + 1, noise, picture, generator.decode_latent(clean)[0]))
    return moments


def shown_steps(steps: int) -> list[int]:
    """At most `MOMENTS` of the steps 0, 1, ..., evenly spread, with the first and the last."""
    count = min(MOMENTS, steps)
    return [round(place * (steps - 1) / max(1, count - 1)) for place in range(count)]


def compression(anatomy: Anatomy) -> tuple[int, int]:
    """The numbers of which the clip consists, and those of its planes."""
    return math.prod(anatomy.clip.shape), anatomy.planes.flatten()[0].numel()


def _with(planes: Triplane, kept: set[str]) -> Triplane:
    """The planes of which those that are not kept say the same everywhere."""
    return Triplane(*(plane if name in kept else flat(plane) for name, plane in zip(PLANES, planes, strict=True)))


def _visible(alone: Tensor, nothing: Tensor) -> tuple[Tensor, float]:
    """A clip in [-1, 1] and its gain: a faint one, by its difference from what flat planes decode to, around gray."""
    difference = alone - nothing
    strongest = difference.abs().flatten()[:: max(1, difference.numel() // 2**20)].quantile(0.99).item()
    gain = round(min(LOUDEST, VISIBLE / max(strongest, 1e-6)))
    return (alone, 1.0) if gain < 2 else ((gain * difference).clamp(-1, 1), float(gain))
