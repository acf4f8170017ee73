"""About how long the tasks will take, from the operations that the sizes ask for: nothing is computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from pvdm.autoencoder import ProjectedAutoencoder
from pvdm.benchmark.speed.machine import Ceiling
from pvdm.benchmark.speed.settings import Settings
from pvdm.benchmark.speed.subject import Subject
from pvdm.benchmark.speed.work import counted
from pvdm.diffusion import TriplaneUNet

SHARE = 0.5
"""Of the machine's own product that the networks are taken to reach."""


def network_flops(subject: Subject) -> dict[str, int]:
    """Operations for one clip: encode, decode and, with a denoiser, denoise."""
    size = subject.autoencoder
    with torch.device("meta"), torch.no_grad():
        autoencoder = ProjectedAutoencoder(size)
        video = torch.empty(1, 3, size.frames, size.height, size.width)
        with counted() as encode:
            planes = autoencoder.encode(video)
        with counted() as decode:
            autoencoder.decode(planes)
        with counted() as denoise:
            if subject.denoiser is not None:
                TriplaneUNet(subject.denoiser)(planes.flatten(), torch.zeros(1, dtype=torch.int64))
    return {"encode": encode.flops, "decode": decode.flops, "denoise": denoise.flops}


def task_flops(networks: Mapping[str, int], subject: Subject, settings: Settings) -> dict[str, float]:
    """Operations for one run of each task with a batch of one: a backward pass costs two forward ones."""
    encode, decode, denoise = (networks[name] for name in ("encode", "decode", "denoise"))
    clip = settings.sampler.steps * denoise + decode
    return {
        "read": 0,
        "encode": encode,
        "decode": decode,
        "denoise": denoise,
        "sample_clip": clip,
        "stream": clip * -(-settings.frames // subject.autoencoder.frames),
        "stage1_step": 3.4 * (encode + decode),  # with LPIPS and the discriminators, see `cost.LOSSES`
        "stage2_step_pixels": 3 * encode + 6 * denoise,  # one step without contexts, one with all
        "stage2_step_latents": 3 * denoise,
    }


def estimated_seconds(names: Sequence[str], subject: Subject, settings: Settings, ceiling: Ceiling) -> dict[str, float]:
    """About how long each task takes with its repetitions."""
    flops = task_flops(network_flops(subject), subject, settings)
    return {name: _with_repeats(name, flops[name], settings, ceiling) for name in flops if name in names}


def _with_repeats(name: str, flops: float, settings: Settings, ceiling: Ceiling) -> float:
    seconds = settings.batch_size * flops / (SHARE * ceiling.flops_per_second)
    if settings.plain and name in ("encode", "decode", "denoise"):
        seconds *= 3
    repeats = settings.repeats
    return seconds * (1 + repeats.warm_up) + min(repeats.count * seconds, repeats.limit + seconds)
