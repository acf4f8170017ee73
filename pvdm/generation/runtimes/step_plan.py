"""A sampler written out as numbers, so that programs without this package sample alike: sums with known weights.

for step in plan:
    clean = step.clean[0] * x + step.clean[1] * denoise(x, step.time)   # clamped to the latents' bound, if any
    if step.next is None: return clean
    if step.correct:      x = sum of step.correct * [before, *known, clean]
    known = [*known, clean]
    before, x = x, sum of step.next * [x, *the last of known]           # as many as there are weights
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import torch

from pvdm.diffusion import NoiseSchedule, SamplerConfig, time_grid
from pvdm.diffusion.parameterization import to_prediction
from pvdm.diffusion.samplers import integral_terms
from pvdm.diffusion.schedule import Level, Parameterization
from pvdm.errors import ArgumentError

ORDER = 2
"""Clean latents that a step of UniPC uses."""


class PlannedStep(NamedTuple):
    """One evaluation of the network, and what is made of it; see the module."""

    time: int
    clean: tuple[float, float]
    correct: list[float] | None
    next: list[float] | None


def step_plan(schedule: NoiseSchedule, sampler: SamplerConfig, prediction: Parameterization) -> list[PlannedStep]:
    """The steps of a completed sampler, unipc or consistency; ArgumentError for another.

    The noise that consistency adds again is that of the clamped clean latent, which for latents without a bound is what
    `sample_consistency` takes.
    """
    if sampler.name not in PLANS:
        raise ArgumentError(f"the sampler is {sampler.name}", f"choose {' or '.join(PLANS)}", option="name")
    levels = [schedule.level(time) for time in time_grid(schedule, sampler.steps, grid=sampler.grid)]
    combined = PLANS[sampler.name](levels)
    weights = [_clean_weights(schedule, level, prediction) for level in levels[:-1]]
    return [
        PlannedStep(level.time, clean, *rest) for level, clean, rest in zip(levels[:-1], weights, combined, strict=True)
    ]


def _unipc(levels: Sequence[Level]) -> list[tuple[list[float] | None, list[float] | None]]:
    """Weights of the corrector and of the predictor of each step, as in `sample_unipc`."""
    found, known = [], []
    for at, to in pairwise(levels):
        if to.time < 0:
            found.append((None, None))
            continue
        correct = integral_terms([*known, at], known[-1], at) if known else None
        known = [*known, at][-ORDER:]
        found.append((correct, integral_terms(known, at, to)))
    return found


def _consistency(levels: Sequence[Level]) -> list[tuple[None, list[float] | None]]:
    """Weights of x and the clean latent in x at the next level, DDIM (arXiv 2010.02502) eq. 12 with eta 0."""
    share = [to.sigma / at.sigma for at, to in pairwise(levels)]
    pairs = zip(pairwise(levels), share, strict=True)
    return [(None, [part, to.alpha - part * at.alpha] if to.time >= 0 else None) for (at, to), part in pairs]


PLANS = {"unipc": _unipc, "consistency": _consistency}


def _clean_weights(schedule: NoiseSchedule, level: Level, prediction: Parameterization) -> tuple[float, float]:
    """Weights of x and of the network's output in the clean latent, which is linear in both."""
    t, (one, zero) = torch.tensor([level.time]), (torch.full((1, 1, 1), value).double() for value in (1, 0))
    pairs = ((zero, one), (one, zero))
    return tuple(to_prediction(output, x, t, schedule, prediction).clean.item() for output, x in pairs)
