"""Searches the timesteps at which a model makes clips best in a few steps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from torch import Tensor

from pvdm.diffusion import GRIDS, Condition, SamplerConfig, VideoNoise, time_grid
from pvdm.diffusion.sampler_config import FEW_STEPS_GRID
from pvdm.errors import check_range
from pvdm.generation.latent_model import LatentModel

REFERENCE = 100
"""Steps of the latents that others are compared with."""

MOVES = (0.5, 0.25, 0.1)
"""How far a timestep is moved towards either neighbor, round by round, relative to the distance."""

BATCH = 8


class SearchedTimes(NamedTuple):
    """Timesteps of as many steps, falling, their error, and that of the grid which is the default."""

    times: tuple[int, ...]
    error: float
    usual: float


def search_times(generator: LatentModel, steps: int, *, clips: int = 32, seed: int = 0) -> SearchedTimes:
    """The timesteps by which UniPC comes nearest to 100 steps of its own from the same noise, by coordinate descent.

    The error is the root mean square of the latents' difference, over clips of all classes in turn, of which half
    continue another one. The search begins at the best of all grids. The first timestep is the noisiest.

    Args:
        generator: A model with a denoiser.
        steps: Their number, at least 1.
        clips: How many are compared.
        seed: Of their noise.
    """
    check_range(1, generator.diffusion.timesteps, steps=steps)
    cases = list(_cases(generator, clips, seed))
    known: dict[tuple[int, ...], float] = {}

    def error(times: tuple[int, ...]) -> float:
        if times not in known:
            sampler = SamplerConfig("unipc", grid=times)
            squares = [
                (generator.sample_latent(VideoNoise(videos), condition, sampler) - wanted).square().mean().item()
                for videos, condition, wanted in cases
            ]
            known[times] = float(np.sqrt(np.mean(squares)))
        return known[times]

    grids = {grid: tuple(time_grid(generator.schedule, steps, grid=grid)[:-1]) for grid in GRIDS}
    usual, best = grids[FEW_STEPS_GRID], min(grids.values(), key=error)
    for move in MOVES:
        for place in range(1, steps):
            best = min([best, *_moved(best, place, move)], key=error)
    return SearchedTimes(best, error(best), error(usual))


def _moved(times: tuple[int, ...], place: int, share: float) -> Iterator[tuple[int, ...]]:
    """The times with one moved towards each of its neighbors, where it can be."""
    for neighbor in (times[place - 1], times[place + 1] if place + 1 < len(times) else -1):
        time = times[place] + round(share * (neighbor - times[place]))
        if time not in (*times, neighbor):
            yield (*times[:place], time, *times[place + 1 :])


def _cases(
    generator: LatentModel, clips: int, seed: int
) -> Iterator[tuple[list[tuple[int, int, int]], Condition, Tensor]]:
    """Videos of a batch, their condition, and their latents in many steps: beginnings, and what follows them."""
    sampler = SamplerConfig("unipc", min(REFERENCE, generator.diffusion.timesteps), grid=FEW_STEPS_GRID)
    for start in range(0, max(1, clips // 2), BATCH):
        numbers = range(start, min(start + BATCH, max(1, clips // 2)))
        labels = [number % generator.class_count for number in numbers] if generator.class_count else None
        condition, context = generator.described(len(numbers), labels=labels), None
        for clip in (0, 1):
            videos = [(seed, number, clip) for number in numbers]
            told = condition if context is None else replace(condition, context=context)
            context = generator.sample_latent(VideoNoise(videos), told, sampler)
            yield videos, told, context
