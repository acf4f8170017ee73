"""Data in closed form, whose exact denoiser and whose end of the flow are known: an oracle for solvers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from pvdm.benchmark.solver_study import study
from pvdm.diffusion import DiffusionConfig, NoiseSchedule, Prediction, VideoNoise

BISECTIONS = 60  # halve the interval to below the resolution of float64


@dataclass(frozen=True)
class Mixture:
    """Data in closed form: every value of a latent is drawn independently from a sum of Gaussians.

    Args:
        means, deviations, weights: One of each for each Gaussian; the weights sum to 1.
    """

    means: tuple[float, ...] = (-0.6, 0.1, 0.7)
    deviations: tuple[float, ...] = (0.15, 0.1, 0.2)
    weights: tuple[float, ...] = (0.3, 0.3, 0.4)

    def predict(self, x: Tensor, t: Tensor, schedule: NoiseSchedule) -> Prediction:
        """E[x_0 | x_t] and the corresponding noise, at x (b, c, l) and t (b,): the exact `denoise`."""
        alpha, sigma = schedule.scales(t, x)
        means, variances, weights = self._parts(x)
        total = alpha[..., None] ** 2 * variances + sigma[..., None] ** 2
        away = x[..., None] - alpha[..., None] * means
        share = (weights.log() - 0.5 * total.log() - away**2 / (2 * total)).softmax(-1)
        clean = (share * (means + alpha[..., None] * variances / total * away)).sum(-1)
        return Prediction(clean, (x - alpha * clean) / sigma)

    def transported(self, x: Tensor, schedule: NoiseSchedule) -> Tensor:
        """Where the flow carries x (float64) from timestep T - 1: to the same quantile of the clean data.

        In one dimension this is the only map that keeps the order of values and the distribution at every timestep.
        """
        quantile = self.cumulative(x, schedule.level(schedule.config.timesteps - 1).alpha_bar)
        low, high = torch.full_like(x, -10), torch.full_like(x, 10)
        for _ in range(BISECTIONS):
            middle = (low + high) / 2
            is_below = self.cumulative(middle, 1.0) < quantile
            low, high = torch.where(is_below, middle, low), torch.where(is_below, high, middle)
        return (low + high) / 2

    def cumulative(self, x: Tensor, alpha_bar: float) -> Tensor:
        """The share of values below x at a noise level; of the shape of x."""
        means, variances, weights = self._parts(x)
        deviation = (alpha_bar * variances + 1 - alpha_bar).sqrt()
        return (weights * torch.special.ndtr((x[..., None] - alpha_bar**0.5 * means) / deviation)).sum(-1)

    def _parts(self, like: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        means, deviations, weights = (like.new_tensor(part) for part in (self.means, self.deviations, self.weights))
        return means, deviations.square(), weights


def of_mixture(mixture: Mixture, *, seed: int, values: int, **given: Any) -> dict[str, Any]:
    """The study on data in closed form, in float64 and with the released schedule; `given` goes to `study`."""
    schedule = NoiseSchedule(DiffusionConfig())
    x = VideoNoise([(seed, 0, 0)]).normal((1, values)).double()
    return study(partial(mixture.predict, schedule=schedule), x, schedule, **given)
