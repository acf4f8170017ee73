"""All samplers: plain functions from noise to a clean latent, which see the network as `denoise` alone.

The contract of a sampler:

    sample_x(denoise, x, *, schedule, steps, grid, progress) -> clean latents like x

denoise is that of denoise.py; x is (b, c, l), float, standard normal; `walk` gives the steps of a grid. A sampler that
draws noise also takes `noise`, and one whose noise can be scaled `eta`. To add one, write its function here, add it to
`SAMPLERS`, and add its name and what it does by default to sampler_config.py.

Gradients are the caller's choice: wrap a call in `torch.no_grad()`.
"""

import inspect
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from pvdm.diffusion.denoise import Denoise
from pvdm.diffusion.noise import NoiseSource
from pvdm.diffusion.parameterization import Prediction
from pvdm.diffusion.process import posterior, weighted_sum
from pvdm.diffusion.sampler_config import Grid, SamplerConfig, SamplerName, check_eta
from pvdm.diffusion.schedule import Level, NoiseSchedule
from pvdm.diffusion.time_grids import walk
from pvdm.runtime.progress_callback import Progress

QUADRATURE = np.polynomial.legendre.leggauss(16)  # exact to float64 for the polynomials and steps that occur


def sample(
    denoise: Denoise,
    x: Tensor,
    config: SamplerConfig,
    *,
    schedule: NoiseSchedule,
    noise: NoiseSource,
    progress: Progress | None = None,
) -> Tensor:
    """The clean latents (b, c, l) that the sampler of `config` reaches from standard normal x (b, c, l), like x.

    Guidance and clamping are not applied here but in `make_denoise`, which makes `denoise`.
    """
    is_complete = config.name and config.steps and config.grid
    few_steps = (config.steps,) if config.name == "consistency" and config.steps else ()
    complete = config if is_complete else config.completed(schedule.config.timesteps, few_steps)
    sampler = SAMPLERS[complete.name]
    walked = {"schedule": schedule, "steps": complete.steps, "grid": complete.grid, "progress": progress}
    optional = {"noise": noise, "eta": complete.eta}
    taken = optional.keys() & inspect.signature(sampler).parameters
    return sampler(denoise, x, **walked, **{name: optional[name] for name in taken})


def sample_ddpm(
    denoise: Denoise,
    x: Tensor,
    *,
    schedule: NoiseSchedule,
    steps: int,
    noise: NoiseSource,
    grid: Grid | tuple[int, ...] = "uniform",
    progress: Progress | None = None,
) -> Tensor:
    """Ancestral sampling, DDPM (arXiv 2006.11239) algorithm 2, over any grid; no noise at the last step."""
    for step in walk(x, schedule, steps, grid=grid, progress=progress):
        s = torch.full_like(step.t, step.to.time)
        mean, log_variance = posterior(denoise(x, step.t).clean, x, step.t, s, schedule)
        x = mean if step.is_last else add_noise(mean, (0.5 * log_variance).exp(), noise)
    return x


def sample_ddim(
    denoise: Denoise,
    x: Tensor,
    *,
    schedule: NoiseSchedule,
    steps: int,
    eta: float = 0.0,
    noise: NoiseSource | None = None,
    grid: Grid | tuple[int, ...] = "uniform",
    progress: Progress | None = None,
) -> Tensor:
    """DDIM (arXiv 2010.02502) eq. 12: eta 0 is deterministic, eta 1 as noisy as ancestral sampling."""
    check_eta(eta)
    if eta > 0 and noise is None:
        raise ValueError(f"DDIM with eta {eta} draws noise; give a noise source, or choose eta 0")
    for step in walk(x, schedule, steps, grid=grid, progress=progress):
        prediction, sigma = denoise(x, step.t), ddim_sigma(step.at, step.to, eta=eta)
        x = prediction.clean if step.is_last else ddim_mean(prediction, step.to, sigma)
        if eta > 0 and not step.is_last:
            x = add_noise(x, sigma, noise)
    return x


def sample_dpmpp_2m(
    denoise: Denoise,
    x: Tensor,
    *,
    schedule: NoiseSchedule,
    steps: int,
    grid: Grid | tuple[int, ...] = "uniform",
    progress: Progress | None = None,
) -> Tensor:
    """DPM-Solver++(2M) (arXiv 2211.01095) algorithm 2: data prediction, multistep, second order.

    The first step is of first order; so is the last, which for sigma = 0 is the clean latent itself.
    """
    known: list[Known] = []
    for step in walk(x, schedule, steps, grid=grid, progress=progress):
        known = [*known[-1:], Known(step.at, denoise(x, step.t).clean)]
        x = known[-1].clean if step.is_last else integrate(x, known, step.at, step.to)
    return x


def sample_unipc(
    denoise: Denoise,
    x: Tensor,
    *,
    schedule: NoiseSchedule,
    steps: int,
    grid: Grid | tuple[int, ...] = "uniform",
    order: int = 2,
    progress: Progress | None = None,
) -> Tensor:
    """UniPC (arXiv 2302.04867) sec. 3 with B(h) = e^h - 1: data prediction, multistep.

    A step of `order` (the predictor) leads to the next time. The network's prediction there serves twice: to repeat
    that step with one order more (the corrector), and for the step that follows. So each step evaluates it once.
    """
    known: list[Known] = []
    before = x  # the latent at the time of the last of `known`
    for step in walk(x, schedule, steps, grid=grid, progress=progress):
        here = Known(step.at, denoise(x, step.t).clean)
        if step.is_last:
            x = here.clean
            continue
        if known:
            x = integrate(before, [*known, here], known[-1].at, step.at)
        known = [*known, here][-order:]
        before, x = x, integrate(x, known, step.at, step.to)
    return x


def sample_consistency(
    denoise: Denoise,
    x: Tensor,
    *,
    schedule: NoiseSchedule,
    steps: int,
    grid: Grid | tuple[int, ...] = "cubic",
    progress: Progress | None = None,
) -> Tensor:
    """Multistep consistency sampling (Heek et al. 2024, arXiv 2403.06807) algorithm 2, for a network tuned for it.

    Each step ends where the network was tuned to lead, so no noise is drawn: it is DDIM with eta 0 of that network.
    """
    return sample_ddim(denoise, x, schedule=schedule, steps=steps, grid=grid, progress=progress)


SAMPLERS: dict[SamplerName, Callable[..., Tensor]] = {
    "ddpm": sample_ddpm,
    "ddim": sample_ddim,
    "dpmpp_2m": sample_dpmpp_2m,
    "unipc": sample_unipc,
    "consistency": sample_consistency,
}
"""Every sampler by its name in configs and options; the names and defaults are in sampler_config.py."""


def ddim_sigma(at: Level, to: Level, *, eta: float) -> float:
    """Standard deviation of the noise between two levels, DDIM eq. 16."""
    return eta * math.sqrt((1 - at.alpha_bar / to.alpha_bar) * (1 - to.alpha_bar) / (1 - at.alpha_bar))


def ddim_mean(prediction: Prediction, to: Level, sigma: float) -> Tensor:
    """x at a level before its fresh noise of deviation sigma is added, DDIM eq. 12: (b, c, l), like the prediction."""
    direction = math.sqrt(1 - to.alpha_bar - sigma**2)
    return weighted_sum([(to.alpha, prediction.clean), (direction, prediction.noise)])


def add_noise(mean: Tensor, deviation: Tensor | float, noise: NoiseSource) -> Tensor:
    """mean + deviation * fresh noise of each sample: (b, c, l), like the mean."""
    fresh = noise.normal(mean.shape[1:], device=mean.device)
    if fresh.shape != mean.shape:
        raise ValueError(f"noise is {tuple(fresh.shape)}, latents {tuple(mean.shape)}; give one key per sample")
    return (mean + deviation * fresh).to(mean.dtype)


class Known(NamedTuple):
    """A clean latent that the network has predicted, and at which level."""

    at: Level
    clean: Tensor


def integrate(x: Tensor, known: Sequence[Known], at: Level, to: Level) -> Tensor:
    """x (b, c, l) taken from the level `at` to the level `to`, which is not clean, by what is known along the way.

    x_to = (sigma_to / sigma_at) x_at + sigma_to * integral of e^lambda D(lambda), DPM-Solver++ (arXiv 2211.01095)
    prop. 4.1, with D, the clean latent predicted along the way, replaced by the polynomial in
    lambda = log(alpha / sigma) through the known predictions.
    """
    weights = integral_terms([point.at for point in known], at, to)
    return weighted_sum(list(zip(weights, [x, *(point.clean for point in known)], strict=True)))


def integral_terms(nodes: Sequence[Level], at: Level, to: Level) -> list[float]:
    """The weights in `integrate` of x and of the clean latents known at the nodes."""
    weights = integral_weights([node.half_log_snr for node in nodes], at.half_log_snr, to.half_log_snr)
    return [to.sigma / at.sigma, *(to.alpha * weight for weight in weights)]


def integral_weights(nodes: Sequence[float], start: float, stop: float) -> list[float]:
    """Weights of the values at the nodes in the integral of e^(lambda - stop) times their polynomial.

    One node has the weight 1 - e^-h for a step h. The straight line through two nodes is evaluated at the middle of the
    step, as in both papers: that is of second order, too, and damps.
    """
    if len(nodes) <= 2:
        whole, middle = -float(np.expm1(start - stop)), np.array([(start + stop) / 2])
        return [whole * value.item() for value in lagrange(nodes, middle)]
    places, weights = QUADRATURE
    half = (stop - start) / 2
    at = start + half * (places + 1)
    return [float(np.sum(half * weights * np.exp(at - stop) * values)) for values in lagrange(nodes, at)]


def lagrange(nodes: Sequence[float], at: np.ndarray) -> list[np.ndarray]:
    """For each node the polynomial that is 1 there and 0 at the other nodes, evaluated at (n,): each (n,)."""
    return [
        np.prod([np.ones_like(at), *((at - other) / (node - other) for other in nodes if other != node)], axis=0)
        for node in nodes
    ]
