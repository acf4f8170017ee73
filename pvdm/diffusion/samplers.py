"""Samplers: plain functions of `denoise` (its contract stands in denoise.py) from noise to a clean latent.

All walk the times of a grid, see grids.py. x: (b, c, l), float, standard normal; the result is like x.
Gradients are the caller's matter: wrap a call in `torch.inference_mode()`.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from pvdm.diffusion.denoise import Denoise
from pvdm.diffusion.multistep import sample_dpmpp_2m, sample_unipc
from pvdm.diffusion.noise import NoiseSource
from pvdm.diffusion.parameterization import Prediction
from pvdm.diffusion.process import posterior, weighted_sum
from pvdm.diffusion.sampler_config import Grid, SamplerName, check_eta
from pvdm.diffusion.schedule import Level, NoiseSchedule
from pvdm.diffusion.time_grids import Progress, walk


def sample_ddpm(
    denoise: Denoise,
    x: Tensor,
    *,
    schedule: NoiseSchedule,
    steps: int,
    noise: NoiseSource,
    grid: Grid = "uniform",
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
    grid: Grid = "uniform",
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


SAMPLERS: dict[SamplerName, Callable[..., Tensor]] = {
    "ddpm": sample_ddpm,
    "ddim": sample_ddim,
    "dpmpp_2m": sample_dpmpp_2m,
    "unipc": sample_unipc,
}


def ddim_sigma(at: Level, to: Level, *, eta: float) -> float:
    """Standard deviation of the noise between two levels, DDIM eq. 16."""
    return eta * math.sqrt((1 - at.alpha_bar / to.alpha_bar) * (1 - to.alpha_bar) / (1 - at.alpha_bar))


def ddim_mean(prediction: Prediction, to: Level, sigma: float) -> Tensor:
    """x at a level without its fresh noise of deviation sigma, DDIM eq. 12: (b, c, l), like the prediction."""
    direction = math.sqrt(1 - to.alpha_bar - sigma**2)
    return weighted_sum([(to.alpha, prediction.clean), (direction, prediction.noise)])


def add_noise(mean: Tensor, deviation: Tensor | float, noise: NoiseSource) -> Tensor:
    """mean + deviation * fresh noise of each sample: (b, c, l), like the mean."""
    fresh = noise.normal(mean.shape[1:], device=mean.device)
    if fresh.shape != mean.shape:
        raise ValueError(f"noise is {tuple(fresh.shape)}, latents {tuple(mean.shape)}; give one key per sample")
    return (mean + deviation * fresh).to(mean.dtype)
