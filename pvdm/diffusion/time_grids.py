"""The times that are visited: the grids of samplers, some of 0..T-1 from the noisiest down, and the draws of training.

Networks are trained at integer times, so a grid's ideal times are rounded to distinct integers. Levels of signal and
noise are Python numbers, computed once, so that a step moves nothing between host and device.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, NamedTuple, get_args

import numpy as np
import torch
from torch import Tensor

from pvdm.diffusion.sampler_config import Grid, check_grid, check_times
from pvdm.diffusion.schedule import Level, NoiseSchedule
from pvdm.errors import ArgumentError
from pvdm.runtime.progress_callback import Progress

POWERS: dict[str, int] = {"quadratic": 2, "cubic": 3}
RHO = 7  # exponent of the Karras grid, as its authors recommend

TimeDistributionName = Literal["uniform", "lognormal"]


class Step(NamedTuple):
    """One step of a grid: its time as the network takes it, (b,) int64, and the levels before and after."""

    t: Tensor
    at: Level
    to: Level

    @property
    def is_last(self) -> bool:
        """Whether it ends at the clean latent."""
        return self.to.time < 0


def walk(
    x: Tensor, schedule: NoiseSchedule, steps: int, *, grid: Grid | tuple[int, ...], progress: Progress | None = None
) -> Iterator[Step]:
    """The steps of a grid for a batch like x (b, c, l); `progress` is called after each with (steps done, steps)."""
    levels = [schedule.level(time) for time in time_grid(schedule, steps, grid=grid)]
    for done, (at, to) in enumerate(pairwise(levels), start=1):
        yield Step(x.new_full((len(x),), at.time, dtype=torch.int64), at, to)
        if progress is not None:
            progress(done, steps)


def time_grid(schedule: NoiseSchedule, steps: int, *, grid: Grid | tuple[int, ...] = "uniform") -> list[int]:
    """The steps + 1 times that a sampler visits, strictly falling from T-1 to -1; ValueError for too many steps.

    * uniform: the integer parts of linspace(-1, T-1, steps + 1), as released.
    * quadratic: T u^2 - 1 for u from 1 to 0, DDIM (arXiv 2010.02502) app. D.2; denser near the clean end.
    * cubic: T u^3 - 1, the same with the next power.
    * karras: sigma / alpha falls from its largest to its smallest value evenly in its 7th root, EDM
      (arXiv 2206.00364) eq. 5.
    * logsnr: log(alpha / sigma) rises evenly between these two, the logSNR steps of DPM-Solver (arXiv 2206.00927).

    The last two end at time 0 before the clean latent, the others where their power takes them. A grid may also be the
    steps' timesteps themselves.
    """
    timesteps = schedule.config.timesteps
    if not 1 <= steps <= timesteps:
        remedy = f"with {timesteps} diffusion times choose 1 to {timesteps}"
        raise ArgumentError(f"{steps} sampling steps", remedy, option="steps")
    if isinstance(grid, tuple):
        if len(check_times(grid)) != steps or grid[0] >= timesteps:
            remedy = f"give {steps} of 0 to {timesteps - 1}"
            raise ArgumentError(f"the timesteps are {list(grid)}", remedy, option="grid")
        return [*grid, -1]
    check_grid(grid)
    if grid == "uniform":  # in integers, for a floating-point linspace may fall just short of one and be truncated
        return [n * timesteps // steps - 1 for n in range(steps, -1, -1)]
    if grid in POWERS:
        remaining = 1 - np.arange(steps) / steps
        return [*distinct_times(timesteps * remaining ** POWERS[grid] - 1, timesteps), -1]
    return [*distinct_times(times_of_noise(schedule, _evenly(schedule, steps, grid)), timesteps), -1]


def distinct_times(ideal: np.ndarray, timesteps: int) -> list[int]:
    """The integers nearest to falling ideal times (n,), moved apart where they coincide; the first is T-1."""
    times = [timesteps - 1]
    for time in np.rint(ideal[1:]).astype(int).tolist():
        times.append(min(time, times[-1] - 1))
    return [max(time, len(times) - 1 - place) for place, time in enumerate(times)]  # leaves room for the later times


def times_of_noise(schedule: NoiseSchedule, half_log_snr: np.ndarray) -> np.ndarray:
    """Real times, 0..T-1, at which log(alpha / sigma) has these values, linear between integers."""
    levels = schedule.half_log_snr
    return np.interp(half_log_snr, levels[::-1], np.arange(len(levels))[::-1])


def time_of_sigma(schedule: NoiseSchedule, sigma: float) -> int:
    """The timestep whose noise, sigma / alpha, is nearest in logarithm; -1, clean, for 0."""
    return int(np.rint(times_of_noise(schedule, np.array([-math.log(sigma)])))[0]) if sigma > 0 else -1


def _evenly(schedule: NoiseSchedule, steps: int, grid: Grid) -> np.ndarray:
    """log(alpha / sigma) of the noise levels of a grid that is even in these, from time T-1 to 0: (steps,)."""
    levels = schedule.half_log_snr
    if grid == "logsnr":
        return np.linspace(levels[-1], levels[0], steps)
    noisiest, cleanest = np.exp(-levels[[-1, 0]] / RHO)
    return -RHO * np.log(np.linspace(noisiest, cleanest, steps))


@dataclass(frozen=True)
class TimeDistribution:
    """Distribution of the noise levels, sigma / alpha, at which a denoiser is trained.

    "lognormal" is EDM's (arXiv 2206.00364, table 1), rounded to the timesteps of the schedule. Together with
    `prediction: v`, latents of unit variance and the unweighted loss, it is EDM's training: with s = sigma / alpha,
    x_t = alpha (x_0 + s eps) and sigma_data = 1, EDM's denoiser is

        D(x_0 + s eps; s) = c_skip (x_0 + s eps) + c_out F = alpha x_t - sigma v     for F = -v,

    as c_skip = 1 / (1 + s^2) = alpha^2, c_out = s / sqrt(1 + s^2) = sigma and c_in = 1 / sqrt(1 + s^2) = alpha, and its
    loss weight times c_out^2 is 1.

    Args:
        name: "uniform" over the timesteps, as released, or "lognormal".
        mean: Of log(sigma / alpha), for lognormal.
        std: Standard deviation of log(sigma / alpha), for lognormal.
        context_shift: Added to the mean for samples with a context, which decides so much that only high noise is hard
            (arXiv 2311.15127, app. D).
        relative_side: Height and width, relative to those that the other values are for. Noise of one level hides less
            of a larger picture, so log(sigma / alpha) rises by the logarithm: log-SNR falls by 2 log(relative_side),
            simple diffusion (Hoogeboom et al. 2023, arXiv 2301.11093) sec. 3.1.
    """

    name: TimeDistributionName = "uniform"
    mean: float = -0.4
    std: float = 1.2
    context_shift: float = 0.0
    relative_side: float = 1.0

    def __post_init__(self) -> None:
        if self.name not in get_args(TimeDistributionName):
            choices = " or ".join(get_args(TimeDistributionName))
            raise ArgumentError(f"the distribution of times is {self.name!r}", f"it must be {choices}", option="name")
        if not (math.isfinite(self.std) and self.std > 0):
            raise ArgumentError(f"std is {self.std}", "it must be above 0", option="std")
        if not (math.isfinite(self.relative_side) and self.relative_side > 0):
            problem = f"relative_side is {self.relative_side}"
            raise ArgumentError(problem, "it must be above 0", option="relative_side")

    def draw(self, generator: np.random.Generator, schedule: NoiseSchedule, *, has_context: bool = False) -> int:
        """A timestep in 0 .. T - 1."""
        shift = math.log(self.relative_side)
        if self.name == "uniform":
            time = int(generator.integers(schedule.config.timesteps))
            if not shift:
                return time
            log_sigma = -schedule.half_log_snr[[time]]
        else:
            mean = self.mean + (self.context_shift if has_context else 0.0)
            log_sigma = mean + self.std * generator.standard_normal(1)
        return int(np.rint(times_of_noise(schedule, -log_sigma - shift))[0])
