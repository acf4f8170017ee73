"""How long sampling takes, how much memory it needs, and the largest training batch that fits into a given one."""

from __future__ import annotations

import copy
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from pvdm.benchmark.plan import Setting
from pvdm.diffusion import Condition, diffusion_loss, q_sample, training_target
from pvdm.errors import no_memory, one_line
from pvdm.generation import VideoGenerator

STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
GIB = 1 << 30
PAPER_MEMORY = 24
"""GiB of the card on which the paper counts its batches (Table 5: one 3090Ti)."""

MOST = 4096
"""No batch above this is tried."""


class Peak:
    """Seconds and bytes of what ran in `measured`."""

    seconds: float = 0.0
    memory: int | None = None


@contextmanager
def measured(device: torch.device) -> Iterator[Peak]:
    """Times the block and notes the most memory that was in use.

    On CUDA by events and the allocator's peak; elsewhere by the clock and the process's peak resident memory, which
    where the system cannot reset it is that of its whole life.
    """
    peak = Peak()
    on_cuda = device.type == "cuda"
    if on_cuda:
        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record(torch.cuda.current_stream(device))
    else:
        _forget_peak()
        start = time.perf_counter()
    yield peak
    if on_cuda:
        end.record(torch.cuda.current_stream(device))
        torch.cuda.synchronize(device)
        peak.seconds, peak.memory = begin.elapsed_time(end) / 1000, torch.cuda.max_memory_allocated(device)
    else:
        peak.seconds, peak.memory = time.perf_counter() - start, _resident_peak()


def sampling_speed(
    generator: VideoGenerator, setting: Setting, *, frames: int, repetitions: int = 1, warm_up: bool = True
) -> dict[str, Any]:
    """An entry of `speed`: seconds and peak memory of one video, the quickest of the repetitions.

    warm_up: sample a video of one step for each clip first, so that compilation and allocation are not counted.
    """
    if warm_up:
        one = Setting(setting.sampler, 1, 1, setting.eta)
        _sample(generator, one, min(frames, 2 * generator.frames))
    peaks = []
    for _ in range(repetitions):
        with measured(generator.device) as peak:
            _sample(generator, setting, frames)
        peaks.append(peak)
    return {
        "setting": setting.name,
        "sampler": setting.sampler,
        "frames": frames,
        "seconds": min(peak.seconds for peak in peaks),
        "peak_memory_bytes": max((peak.memory for peak in peaks if peak.memory is not None), default=None),
        "batch": 1,
        "device": generator.device.type,
    }


def largest_batches(generator: VideoGenerator) -> list[dict[str, Any]]:
    """All entries of `each_largest_batch`."""
    return list(each_largest_batch(generator))


def each_largest_batch(generator: VideoGenerator) -> Iterator[dict[str, Any]]:
    """Entries of `largest_batch`, of both stages, in the paper's memory and in all that the device has.

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
    for stage, update in stages.items():
        with _without_denoiser(generator) if stage == "autoencoder" else nullcontext():
            for limit in limits:
                found = _largest_on(device, limit / total, partial(update, generator))
                yield {"stage": stage, "memory_gib": limit, **found}


def largest(fits: Callable[[int], bool], *, most: int = MOST) -> int:
    """The largest number that fits, 0 if not even 1 does: doubling, then bisection; what is above one that does not
    fit is taken not to fit either.
    """
    good, bad = 0, None
    while bad is None and good < most:
        tried = min(max(1, 2 * good), most)
        good, bad = (tried, None) if fits(tried) else (good, tried)
    while bad is not None and bad - good > 1:
        middle = (good + bad) // 2
        good, bad = (middle, bad) if fits(middle) else (good, middle)
    return good


def autoencoder_update(generator: VideoGenerator, batch: int) -> None:
    """One update of a copy of stage 1 by the L1 loss, of random clips."""
    size, device = generator.autoencoder.config, generator.device
    video = torch.rand(batch, 3, size.frames, size.height, size.width, device=device) * 2 - 1
    _update(generator.autoencoder, lambda network: functional.l1_loss(network(video).float(), video))


def diffusion_update(generator: VideoGenerator, batch: int) -> None:
    """One update of a copy of stage 2, of random latents with contexts."""
    denoiser, device, kind = generator.denoiser, generator.device, generator.diffusion.prediction
    shape = (batch, denoiser.config.latent_channels, denoiser.shape.positions)
    clean, noise, context = (torch.randn(shape, device=device) for _ in range(3))
    t = torch.randint(generator.diffusion.timesteps, (batch,), device=device)
    noisy = q_sample(clean, noise, t, generator.schedule)
    target = training_target(clean, noise, t, generator.schedule, kind)
    _update(denoiser, lambda network: diffusion_loss(network(noisy, t, Condition(context)), target).mean())


def _update(network: nn.Module, loss: Callable[[nn.Module], Tensor]) -> None:
    """Forward, backward and a step of AdamW on a copy; the network itself is what the averaged weights would be."""
    trained = copy.deepcopy(network).train()
    optimizer = torch.optim.AdamW(trained.parameters())
    device = next(network.parameters()).device
    with torch.enable_grad(), torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
        value = loss(trained)
    value.backward()
    optimizer.step()


@contextmanager
def _without_denoiser(generator: VideoGenerator) -> Iterator[None]:
    """Stage 1 is trained without it, so that it is not on the device meanwhile."""
    device = generator.device
    if generator.denoiser is not None:
        generator.denoiser.cpu()
    try:
        yield
    finally:
        generator.to(device)


def _largest_on(device: torch.device, share: float, update: Callable[[int], None]) -> dict[str, Any]:
    """The largest batch in a share of the device's memory, or why it is not known."""
    torch.cuda.set_per_process_memory_fraction(min(share, 1.0), device)
    try:
        return {"batch": largest(partial(_fits, update)), "missing": None}
    except RuntimeError as error:  # a kernel's own limit, met before that of the memory
        return {"batch": None, "missing": f"an update failed for another reason than memory ({one_line(error)})"}
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0, device)


def _fits(update: Callable[[int], None], batch: int) -> bool:
    """Whether an update of so many runs without filling the memory."""
    torch.cuda.empty_cache()  # here, for what a failed update held is free only when its exception is gone
    try:
        update(batch)
    except RuntimeError as error:
        if no_memory(error) is None:  # else that of the allocator, or of a library that asks for its own
            raise
        return False
    return True


def _sample(generator: VideoGenerator, setting: Setting, frames: int) -> None:
    first, later = setting.samplers()
    for _ in generator.stream(num_frames=frames, sampler=first, later_sampler=later):
        pass


def _forget_peak() -> None:
    """Resets what Linux keeps as the peak; elsewhere nothing."""
    try:
        CLEAR.write_text("5")
    except OSError:
        return


def _resident_peak() -> int | None:
    """Bytes; None where the system does not tell."""
    try:
        (line,) = (line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
