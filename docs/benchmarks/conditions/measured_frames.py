"""How well a model gives frames back and makes those between them, in dB, beside the autoencoder and a blend."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

from pvdm import VideoGenerator
from pvdm.conditions.hints import hint_clip, with_given
from pvdm.diffusion import SamplerConfig, VideoNoise
from pvdm.video import to_uint8

KINDS = {
    "first": (0,),
    "ends": (0, 15),
    "by 4": (0, 4, 8, 12),
    "gap of 8": (0, 1, 2, 3, 12, 13, 14, 15),
}
"""The given frames of clips of 16."""

BATCH = 16


def given_figures(
    generator: VideoGenerator, clips: Tensor, frames: Sequence[int], sampler: SamplerConfig, seed: int
) -> dict[str, float]:
    """PSNR of the given and of the missing frames of clips (n, 3, 16, h, w), and motion over that of the clips."""
    known = torch.zeros(len(clips), generator.frames, dtype=torch.bool)
    known[:, frames] = True
    missing = [frame for frame in range(generator.frames) if frame not in frames]
    made = completed(generator, clips, known, sampler, seed)
    own = generator.reconstruct(clips)
    blend = generator.reconstruct(to_uint8(hint_clip(clips, known)))
    shuffled = completed(generator, clips.roll(1, dims=0), known, sampler, seed)
    return {
        "given frames": psnr(made, clips, frames),
        "given frames, autoencoder": psnr(own, clips, frames),
        "missing frames": psnr(made, clips, missing),
        "missing frames, blend": psnr(blend, clips, missing),
        "missing frames, autoencoder": psnr(own, clips, missing),
        "missing frames, shuffled": psnr(shuffled, clips, missing),
        "motion": motion(made) / motion(clips),
    }


def completed(generator: VideoGenerator, clips: Tensor, known: Tensor, sampler: SamplerConfig, seed: int = 0) -> Tensor:
    """Clips of which the frames `known` (n, t) are given."""
    made = []
    for start in range(0, len(clips), BATCH):
        part = slice(start, start + BATCH)
        noise = VideoNoise([(seed, start + place, 0) for place in range(len(clips[part]))])
        latent = generator.sample_latent(noise, generator.hint(clips[part], known[part]), sampler)
        given = partial(with_given, video=clips[part], known=known[part])
        made.append(generator.decode_latent(generator.consistent(latent, given, sampler)))
    return torch.cat(made)


def psnr(made: Tensor, real: Tensor, frames: Sequence[int]) -> float:
    """Mean of the clips' PSNR in dB, over some frames."""
    error = (made[:, :, frames].double() - real[:, :, frames].double()).square().mean((1, 2, 3, 4))
    return float((10 * torch.log10(255**2 / error)).mean())


def motion(clips: Tensor) -> float:
    """Mean absolute difference of consecutive frames, in levels."""
    return float((clips[:, :, 1:].double() - clips[:, :, :-1].double()).abs().mean())
