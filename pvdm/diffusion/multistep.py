"""Solvers for few steps: the probability flow with the clean predictions of several steps combined.

Between two times, x_s = (sigma_s / sigma_t) x_t + sigma_s * integral of e^lambda D(lambda), DPM-Solver++
(arXiv 2211.01095) prop. 4.1, where D, the clean latent predicted along the way, is replaced by the polynomial in
lambda = log(alpha / sigma) through those predictions that are known. Contract and shapes are those of samplers.py.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from torch import Tensor

from pvdm.diffusion.denoise import Denoise
from pvdm.diffusion.process import weighted_sum
from pvdm.diffusion.sampler_config import Grid
from pvdm.diffusion.schedule import Level, NoiseSchedule
from pvdm.diffusion.time_grids import Progress, walk

QUADRATURE = np.polynomial.legendre.leggauss(16)  # exact to float64 for the polynomials and steps there are


class Known(NamedTuple):
    """What the network predicted at a level."""

    at: Level
    clean: Tensor


def sample_dpmpp_2m(
    denoise: Denoise,
    x: Tensor,
    *,
    schedule: NoiseSchedule,
    steps: int,
    grid: Grid = "uniform",
    progress: Progress | None = None,
) -> Tensor:
    """DPM-Solver++(2M) (arXiv 2211.01095) algorithm 2: data prediction, multistep, second order.

    The first step is of first order; so is the last, which for sigma = 0 is the clean latent itself.
    """
    known: list[Known] = []
    for step in walk(x, schedule, steps, grid=grid, progress=progress):
        known = [*known[-1:], Known(step.at, denoise(x, step.t).clean)]
        x = known[-1].clean if step.is_last else moved(x, known, step.at, step.to)
    return x


def sample_unipc(
    denoise: Denoise,
    x: Tensor,
    *,
    schedule: NoiseSchedule,
    steps: int,
    grid: Grid = "uniform",
    order: int = 2,
    progress: Progress | None = None,
) -> Tensor:
    """UniPC (arXiv 2302.04867) sec. 3 with B(h) = e^h - 1: data prediction, multistep.

    A step of `order` predicts x at the next time; the prediction there then serves twice: to take that step again,
    now of one order more (the corrector), and for the step that follows. So it asks the network once per step.
    """
    known: list[Known] = []
    before = x  # the latent at the time of the last of `known`
    for step in walk(x, schedule, steps, grid=grid, progress=progress):
        here = Known(step.at, denoise(x, step.t).clean)
        if step.is_last:
            x = here.clean
            continue
        if known:
            x = moved(before, [*known, here], known[-1].at, step.at)
        known = [*known, here][-order:]
        before, x = x, moved(x, known, step.at, step.to)
    return x


def moved(x: Tensor, known: Sequence[Known], at: Level, to: Level) -> Tensor:
    """x at the level `to` from x (b, c, l) at the level `at`, by what is known; `to` is not the clean one."""
    weights = integral_weights([point.at.half_log_snr for point in known], at.half_log_snr, to.half_log_snr)
    terms = [(to.alpha * weight, point.clean) for weight, point in zip(weights, known, strict=True)]
    return weighted_sum([(to.sigma / at.sigma, x), *terms])


def integral_weights(nodes: Sequence[float], start: float, stop: float) -> list[float]:
    """Weights of values at the nodes in the integral of e^(lambda - stop) times their polynomial, start to stop.

    With one node it is 1 - e^-h for the step h. With two nodes the straight line through them is taken at the middle of
    the step, as both papers do: it comes to second order as well, and damps.
    """
    if len(nodes) <= 2:
        whole, middle = -float(np.expm1(start - stop)), np.array([(start + stop) / 2])
        return [whole * value.item() for value in lagrange(nodes, middle)]
    places, weights = QUADRATURE
    half = (stop - start) / 2
    at = start + half * (places + 1)
    return [float(np.sum(half * weights * np.exp(at - stop) * values)) for values in lagrange(nodes, at)]


def lagrange(nodes: Sequence[float], at: np.ndarray) -> list[np.ndarray]:
    """For each node the polynomial that is 1 there and 0 at the others, at places (n,): each (n,)."""
    return [
        np.prod([np.ones_like(at), *((at - other) / (node - other) for other in nodes if other != node)], axis=0)
        for node in nodes
    ]
