"""Multistep consistency: a network whose step ends where many small ones would; Heek et al. 2024, arXiv 2403.06807.

The n timesteps of a grid cut the way from noise to clean into n segments. In each, the network learns to predict,
from any time of the segment, the clean latent by which one step leads to its end: consistency tuning (Geng et al. 2024,
arXiv 2406.14548) is the case of one segment.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from pvdm.diffusion.parameterization import Prediction
from pvdm.diffusion.sampler_config import FEW_STEPS_GRID
from pvdm.diffusion.schedule import NoiseSchedule
from pvdm.diffusion.time_grids import POWERS, time_grid
from pvdm.errors import ArgumentError


class Jump(NamedTuple):
    """Times at which two predictions agree: from `t`, or from `earlier`, a step leads to `end`; -1 is clean."""

    t: int
    earlier: int
    end: int


def jumps(schedule: NoiseSchedule, times: tuple[int, ...], parts: int) -> list[list[Jump]]:
    """All jumps of each segment that begins at one of the timesteps, which `parts` small steps cut.

    The small steps are even in the measure of the cubic grid. Timesteps are integers, so the segments near the clean
    end have fewer.
    """
    power, timesteps = POWERS[FEW_STEPS_GRID], schedule.config.timesteps
    found = []
    for start, end in pairwise(time_grid(schedule, len(times), grid=times)):
        ends = ((np.array([end, start]) + 1) / timesteps) ** (1 / power)
        inner = np.rint(timesteps * np.linspace(*ends, parts + 1) ** power - 1).astype(int)
        visited = np.unique([end, *inner.clip(end, start), start]).tolist()
        found.append([Jump(t, earlier, end) for earlier, t in pairwise(visited)])
    return found


def draw_jump(random: np.random.Generator, segments: Sequence[Sequence[Jump]]) -> Jump:
    """One of all `jumps`; each segment is as likely as any other."""
    segment = segments[random.integers(len(segments))]
    return segment[random.integers(len(segment))]


def moved(prediction: Prediction, to: Tensor, schedule: NoiseSchedule) -> Tensor:
    """The latents (b, c, l) at times `to` (b,) of samples whose clean latent and noise are predicted, DDIM eq. 12."""
    alpha, sigma = schedule.scales(to, prediction.clean)
    return (alpha * prediction.clean + sigma * prediction.noise).to(prediction.clean.dtype)


def clean_of_step(x: Tensor, t: Tensor, reached: Tensor, end: Tensor, schedule: NoiseSchedule) -> Tensor:
    """The clean latent (b, c, l) by which one DDIM step leads x at t (b,) to `reached` at `end` (b,), before t.

    It is the inverse of `moved` (Heek et al. 2024, sec. 3.1): the step x_s = alpha_s c + (sigma_s / sigma_t) (x_t -
    alpha_t c), solved for c.
    """
    alpha, sigma = schedule.scales(t, x)
    end_alpha, end_sigma = schedule.scales(end, x)
    ratio = end_sigma / sigma
    return ((reached - ratio * x) / (end_alpha - ratio * alpha)).to(x.dtype)


def noised_further(x: Tensor, at: Tensor, to: Tensor, noise: Tensor, schedule: NoiseSchedule) -> Tensor:
    """Latents x (b, c, l) at times `at` (b,), at times `to` (b,), not before: a step of the forward process."""
    alpha, sigma = schedule.scales(at, x)
    later_alpha, later_sigma = schedule.scales(to, x)
    ratio = later_alpha / alpha
    added = (later_sigma**2 - (ratio * sigma) ** 2).clamp(min=0).sqrt()
    return (ratio * x + added * noise).to(x.dtype)


def pseudo_huber(error: Tensor, scale: float) -> Tensor:
    """sqrt(mean square + scale^2) - scale of each sample, (b,); Song & Dhariwal 2023 (arXiv 2310.14189) eq. 8."""
    return (error.square().flatten(1).mean(1) + scale**2).sqrt() - scale


def check_few_steps(counts: Sequence[int], timesteps: int) -> tuple[int, ...]:
    """The counts, rising; ArgumentError unless there are some, each once, from 1 to the timesteps."""
    if not counts or len(set(counts)) < len(counts) or not all(1 <= count <= timesteps for count in counts):
        problem, remedy = f"few_steps is {list(counts)}", f"give different numbers from 1 to {timesteps}, as [2, 4, 8]"
        raise ArgumentError(problem, remedy, option="few_steps")
    return tuple(sorted(counts))


def steps_of(count: int, batch: int, device: torch.device) -> Tensor:
    """`Condition.steps` of a whole batch: (b,) int64."""
    return torch.full((batch,), count, dtype=torch.int64, device=device)
