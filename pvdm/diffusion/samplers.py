"""Samplers: plain functions of `denoise` (its contract stands in denoise.py) from noise to a clean latent.

All walk the times of a grid, see grids.py. x: (b, c, l), float, standard normal; the result is like x.
Gradients are the caller's matter: wrap a call in `torch.inference_mode()`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from pvdm.diffusion.denoise import Denoise
from pvdm.diffusion.grids import Grid, Progress, check_grid, walk
from pvdm.diffusion.multistep import sample_dpmpp_2m, sample_unipc
from pvdm.diffusion.noise import NoiseSource
from pvdm.diffusion.process import Prediction, posterior, weighted_sum
from pvdm.diffusion.schedule import Level, NoiseSchedule


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


SAMPLERS: dict[str, Callable[..., Tensor]] = {
    "ddpm": sample_ddpm,
    "ddim": sample_ddim,
    "dpmpp_2m": sample_dpmpp_2m,
    "unipc": sample_unipc,
}
SamplerName = Literal["ddpm", "ddim", "dpmpp_2m", "unipc"]
FEW_STEPS, FEW_STEPS_GRID = 20, "cubic"  # of dpmpp_2m and unipc, see docs/solvers.md
DDIM_STEPS = 100


@dataclass(frozen=True)
class SamplerConfig:
    """How latents are sampled. What is left out is the solver's own, see `completed`.

    Args:
        name: "unipc" or "dpmpp_2m" (DPM-Solver++(2M)), good from about 10 steps; "ddim" or "ddpm" (ancestral), the
            paper's.
        steps: evaluations of the network, from 1 to the number of diffusion times; if not given 20, but 100 for ddim
            and all times for ddpm.
        eta: noise of DDIM in [0, 1]; 0 is deterministic. Other samplers have none.
        guidance: weight w of classifier-free guidance by the context, (1 + w) * conditional - w * unconditional;
            0 is none.
        clamp: clamp the predicted clean latent to [-1, 1], as released.
        label_guidance: that by the label, which leaves the context as it is; see `guidance_terms` for both.
        grid: the times that are visited, see `time_grid`; if not given "cubic", but "uniform" for ddim and ddpm.
    """

    name: SamplerName = "unipc"
    steps: int | None = None
    eta: float = 0.0
    guidance: float = 0.0
    clamp: bool = True
    label_guidance: float = 0.0
    grid: Grid | None = None

    def __post_init__(self) -> None:
        if self.name not in SAMPLERS:
            raise ValueError(f"the sampler is {self.name!r}; it must be one of {', '.join(SAMPLERS)}")
        if self.steps is not None and self.steps < 1:
            raise ValueError(f"{self.steps} sampling steps; choose at least 1")
        if self.grid is not None:
            check_grid(self.grid)
        check_eta(self.eta)
        if self.eta != 0 and self.name != "ddim":
            raise ValueError(f"eta {self.eta} belongs to ddim, not to {self.name}; leave it out, or choose ddim")

    def completed(self, timesteps: int) -> "SamplerConfig":
        """This one with steps and grid, for a model of so many diffusion times."""
        few = self.name in ("unipc", "dpmpp_2m")
        own_steps = FEW_STEPS if few else DDIM_STEPS if self.name == "ddim" else timesteps
        own_grid = FEW_STEPS_GRID if few else "uniform"
        return replace(self, steps=self.steps or min(own_steps, timesteps), grid=self.grid or own_grid)

    def sample(
        self,
        denoise: Denoise,
        x: Tensor,
        *,
        schedule: NoiseSchedule,
        noise: NoiseSource,
        progress: Progress | None = None,
    ) -> Tensor:
        """The clean latents (b, c, l) that this sampler reaches from standard normal x (b, c, l), like x.

        `guidance`, `label_guidance` and `clamp` are not its matter but that of `make_denoise`, which makes `denoise`.
        """
        whole = self.completed(schedule.config.timesteps)
        own = {"ddpm": {"noise": noise}, "ddim": {"eta": self.eta, "noise": noise}}.get(self.name, {})
        walked = {"schedule": schedule, "steps": whole.steps, "grid": whole.grid, "progress": progress}
        return SAMPLERS[self.name](denoise, x, **walked, **own)


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


def check_eta(eta: float) -> None:
    """Raises ValueError unless eta is in [0, 1]."""
    if not 0 <= eta <= 1:
        raise ValueError(f"eta is {eta}; it must be in [0, 1]")
