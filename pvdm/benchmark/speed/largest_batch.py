"""The largest training batch that fits into a memory, found by trying, on a GPU."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from pvdm.benchmark.speed.measuring import GIB
from pvdm.diffusion import Condition, diffusion_loss, q_sample, training_target
from pvdm.errors import no_memory, one_line
from pvdm.generation import VideoGenerator

PAPER_MEMORY = 24
"""GiB of the card on which the paper counts its batches (Table 5: one 3090Ti)."""

MOST = 4096
"""No larger batch is tried."""


def largest_batches(generator: VideoGenerator) -> Iterator[dict[str, Any]]:
    """Entries of `largest_batch` as they are found, for both stages, in the paper's memory and in all of the device's.

    Mixed precision (bfloat16), AdamW, without LPIPS and discriminators; a batch fits if an update with it runs, which
    is tried, as in the paper.
    """
    device = generator.device
    stages = {"autoencoder": autoencoder_update, "diffusion": diffusion_update}
    if generator.denoiser is None:
        del stages["diffusion"]
    if device.type != "cuda":
        reason = f"the device is {device.type}; a memory limit can be tried on a GPU, give --device cuda"
        yield from ({"stage": s, "memory_gib": PAPER_MEMORY, "batch": None, "missing": reason} for s in stages)
        return
    total = torch.cuda.get_device_properties(device).total_memory / GIB
    limits = sorted({limit for limit in (PAPER_MEMORY, int(total)) if limit <= total})
    try:
        if generator.denoiser is not None:
            generator.denoiser.cpu()  # stage 1 is trained without it
        for stage, update in stages.items():
            for limit in limits:
                found = _largest_on(device, limit / total, partial(update, generator))
                yield {"stage": stage, "memory_gib": limit, **found}
            generator.to(device)
    finally:
        generator.to(device)


def largest(fits: Callable[[int], bool], *, most: int = MOST) -> int:
    """The largest number that fits, 0 if not even 1 does, by doubling and bisection; `fits` must be monotone."""
    good, bad = 0, None
    while bad is None and good < most:
        tried = min(max(1, 2 * good), most)
        good, bad = (tried, None) if fits(tried) else (good, tried)
    while bad is not None and bad - good > 1:
        middle = (good + bad) // 2
        good, bad = (middle, bad) if fits(middle) else (good, middle)
    return good


def autoencoder_update(generator: VideoGenerator, batch: int) -> None:
    """One update of a copy of stage 1 by the L1 loss, on random clips."""
    size, device = generator.autoencoder.config, generator.device
    video = torch.rand(batch, 3, size.frames, size.height, size.width, device=device) * 2 - 1
    _update(generator.autoencoder, lambda network: functional.l1_loss(network(video).float(), video))


def diffusion_update(generator: VideoGenerator, batch: int) -> None:
    """One update of a copy of stage 2, on random latents with contexts."""
    denoiser, device, kind = generator.denoiser, generator.device, generator.diffusion.prediction
    shape = (batch, denoiser.config.latent_channels, denoiser.shape.positions)
    clean, noise, context = (torch.randn(shape, device=device) for _ in range(3))
    t = torch.randint(generator.diffusion.timesteps, (batch,), device=device)
    noisy = q_sample(clean, noise, t, generator.schedule)
    target = training_target(clean, noise, t, generator.schedule, kind)
    _update(denoiser, lambda network: diffusion_loss(network(noisy, t, Condition(context)), target).mean())


def _update(network: nn.Module, loss: Callable[[nn.Module], Tensor]) -> None:
    """Forward, backward and a step of AdamW on a copy; the network itself takes the place of the averaged weights."""
    trained = copy.deepcopy(network).train()
    optimizer = torch.optim.AdamW(trained.parameters())
    device = next(network.parameters()).device
    with torch.enable_grad(), torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
        value = loss(trained)
    value.backward()
    optimizer.step()


def _largest_on(device: torch.device, share: float, update: Callable[[int], None]) -> dict[str, Any]:
    """The largest batch in a share of the device's memory, or why it is unknown."""
    torch.cuda.set_per_process_memory_fraction(min(share, 1.0), device)
    try:
        return {"batch": largest(partial(_fits, update)), "missing": None}
    except RuntimeError as error:  # a kernel's own limit, reached before that of the memory
        return {"batch": None, "missing": f"an update failed for another reason than memory ({one_line(error)})"}
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0, device)


def _fits(update: Callable[[int], None], batch: int) -> bool:
    """Whether an update of so many clips runs without filling the memory."""
    torch.cuda.empty_cache()  # here: a failed update's memory is free only when its exception is gone
    try:
        update(batch)
    except RuntimeError as error:
        if no_memory(error) is None:  # not the allocator's, nor that of a library that allocates by itself
            raise
        return False
    return True
