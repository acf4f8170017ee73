"""The error of each solver on each time grid, in few steps against 1000, on data in closed form or on a model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from pvdm.diffusion import (
    GRIDS,
    Denoise,
    Grid,
    NoiseSchedule,
    Prediction,
    sample_ddim,
    sample_dpmpp_2m,
    sample_unipc,
)

SOLVERS: dict[str, Callable[..., Tensor]] = {
    "ddim": sample_ddim,
    "dpmpp_2m": sample_dpmpp_2m,
    "unipc": sample_unipc,
    "unipc, order 3": partial(sample_unipc, order=3),
}
REFERENCE = "unipc"
STEPS = (5, 10, 20, 50, 100)
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


@torch.no_grad()
def study(
    denoise: Denoise,
    x: Tensor,
    schedule: NoiseSchedule,
    *,
    exact: Tensor | None = None,
    steps: Sequence[int] = STEPS,
    grids: Sequence[Grid] = GRIDS,
    reference_steps: int | None = None,
    progress: Callable[[int], Any] = lambda evaluations: None,
) -> dict[str, Any]:
    """Root mean square distances of the latents that each solver reaches from noise x (b, c, l); JSON-able.

    `error` is the distance from the reference in `reference_steps` (all timesteps if None), `error_to_ddim` from DDIM
    in as many, `error_exact` from `exact`, the latents that the flow itself reaches, where they are known. progress:
    called with the number of evaluations made.
    """
    most = reference_steps or schedule.config.timesteps
    common = {"schedule": schedule, "progress": lambda *_: progress(1)}
    ends = {name: SOLVERS[name](denoise, x, steps=most, **common) for name in (REFERENCE, "ddim")}

    def row(solver: str, grid: Grid, count: int) -> dict[str, Any]:
        found = SOLVERS[solver](denoise, x, steps=count, grid=grid, **common)
        return {
            "solver": solver,
            "grid": grid,
            "steps": count,
            "error": distance(found, ends[REFERENCE]),
            "error_to_ddim": distance(found, ends["ddim"]),
            "error_exact": None if exact is None else distance(found, exact),
        }

    size = ends[REFERENCE].square().mean().sqrt().item()
    others = {"ddim": ends["ddim"]} | ({} if exact is None else {"exact": exact})
    return {
        "reference": {"solver": REFERENCE, "steps": most, "root_mean_square": size},
        "from_reference": {name: distance(end, ends[REFERENCE]) for name, end in others.items()},
        "rows": [row(*case) for case in cases(steps, grids)],
    }


def cases(steps: Sequence[int], grids: Sequence[Grid]) -> Iterator[tuple[str, Grid, int]]:
    """Solver, grid and steps of each row."""
    return ((solver, grid, count) for solver in SOLVERS for grid in grids for count in steps)


def evaluations(reference_steps: int, steps: Sequence[int] = STEPS, grids: Sequence[Grid] = GRIDS) -> int:
    """Evaluations of the network in a study."""
    return 2 * reference_steps + sum(count for *_, count in cases(steps, grids))


def distance(a: Tensor, b: Tensor) -> float:
    """Root mean square of the difference."""
    return (a.double() - b.double()).square().mean().sqrt().item()
