"""How often training visits each noise level."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from pvdm.diffusion.schedule import NoiseSchedule
from pvdm.diffusion.time_grids import times_of_noise
from pvdm.errors import ArgumentError

TimeDistributionName = Literal["uniform", "lognormal"]


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
        context_shift: Added to the mean for samples with a context, which are harder to tell from their context only at
            higher noise (arXiv 2311.15127, app. D).
    """

    name: TimeDistributionName = "uniform"
    mean: float = -0.4
    std: float = 1.2
    context_shift: float = 0.0

    def __post_init__(self) -> None:
        if self.name not in get_args(TimeDistributionName):
            choices = " or ".join(get_args(TimeDistributionName))
            raise ArgumentError(f"the distribution of times is {self.name!r}", f"it must be {choices}", option="name")
        if not (math.isfinite(self.std) and self.std > 0):
            raise ArgumentError(f"std is {self.std}", "it must be above 0", option="std")

    def draw(self, generator: np.random.Generator, schedule: NoiseSchedule, *, has_context: bool = False) -> int:
        """A timestep in 0 .. T - 1."""
        if self.name == "uniform":
            return int(generator.integers(schedule.config.timesteps))
        mean = self.mean + (self.context_shift if has_context else 0.0)
        log_sigma = mean + self.std * generator.standard_normal(1)
        return int(np.rint(times_of_noise(schedule, -log_sigma))[0])
