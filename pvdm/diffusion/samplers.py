"""Samplers: plain functions of `denoise` (its contract stands in denoise.py) from noise to a clean latent.

All walk the integer times of `time_grid`. x: (b, c, l), float, standard normal; the result is like x.
Gradients are the caller's matter: wrap a call in `torch.inference_mode()`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import torch
from torch import Tensor

from pvdm.diffusion.denoise import Denoise
from pvdm.diffusion.noise import NoiseSource
from pvdm.diffusion.process import Prediction, posterior
from pvdm.diffusion.schedule import NoiseSchedule, computation_dtype, time_grid

Progress = Callable[[int, int], Any]  # called after each step with the number of steps done and of all steps


def sample_ddpm(
    denoise: Denoise,
    x: Tensor,
    *,
    schedule: NoiseSchedule,
    steps: int,
    noise: NoiseSource,
    progress: Progress | None = None,
) -> Tensor:
    """Ancestral sampling, DDPM (arXiv 2006.11239) algorithm 2, over any grid; no noise at the last step."""
    for t, s, last in intervals(x, schedule, steps, progress):
        mean, log_variance = posterior(denoise(x, t).clean, x, t, s, schedule)
        x = mean if last else add_noise(mean, (0.5 * log_variance).exp(), noise)
    return x


def sample_ddim(
    denoise: Denoise,
    x: Tensor,
    *,
    schedule: NoiseSchedule,
    steps: int,
    eta: float = 0.0,
    noise: NoiseSource | None = None,
    progress: Progress | None = None,
) -> Tensor:
    """DDIM (arXiv 2010.02502) eq. 12: eta 0 is deterministic, eta 1 as noisy as ancestral sampling."""
    check_eta(eta)
    if eta > 0 and noise is None:
        raise ValueError(f"DDIM with eta {eta} draws noise; give a noise source, or choose eta 0")
    for t, s, last in intervals(x, schedule, steps, progress):
        prediction = denoise(x, t)
        if last:
            x = prediction.clean
        elif noise is None or eta == 0:
            x = ddim_mean(prediction, s, 0.0, schedule)
        else:
            sigma = ddim_sigma(t, s, schedule, eta=eta, like=x)
            x = add_noise(ddim_mean(prediction, s, sigma, schedule), sigma.to(computation_dtype(x)), noise)
    return x


def sample_dpmpp_2m(
    denoise: Denoise,
    x: Tensor,
    *,
    schedule: NoiseSchedule,
    steps: int,
    progress: Progress | None = None,
) -> Tensor:
    """DPM-Solver++(2M) (arXiv 2211.01095) algorithm 2: data prediction, multistep, second order.

    The first step is of first order; so is the last, which for sigma = 0 is the clean latent itself.
    """
    clean_before, t_before = None, None
    for t, s, last in intervals(x, schedule, steps, progress):
        clean = denoise(x, t).clean
        if last:
            x = clean
        elif clean_before is None:
            x = dpmpp_step(clean, x, t, s, schedule)
        else:
            data = extrapolate_data(clean, clean_before, (t_before, t, s), schedule)
            x = dpmpp_step(data, x, t, s, schedule)
        clean_before, t_before = clean, t
    return x


SAMPLERS: dict[str, Callable[..., Tensor]] = {
    "ddpm": sample_ddpm,
    "ddim": sample_ddim,
    "dpmpp_2m": sample_dpmpp_2m,
}


@dataclass(frozen=True)
class SamplerConfig:
    """How latents are sampled.

    Args:
        name: "ddim", "ddpm" (ancestral) or "dpmpp_2m" (DPM-Solver++(2M), good from about 20 steps).
        steps: evaluations of the network, from 1 to the number of diffusion times.
        eta: noise of DDIM in [0, 1]; 0 is deterministic. Other samplers have none.
        guidance: weight w of classifier-free guidance by the context, (1 + w) * conditional - w * unconditional;
            0 is none.
        label_guidance: that by the label, which leaves the context as it is; see `guidance_terms` for both.
        clamp: clamp the predicted clean latent to [-1, 1], as released.
    """

    name: Literal["ddpm", "ddim", "dpmpp_2m"] = "ddim"
    steps: int = 100
    eta: float = 0.0
    guidance: float = 0.0
    clamp: bool = True
    label_guidance: float = 0.0

    def __post_init__(self) -> None:
        if self.name not in SAMPLERS:
            raise ValueError(f"the sampler is {self.name!r}; it must be one of {', '.join(SAMPLERS)}")
        if self.steps < 1:
            raise ValueError(f"{self.steps} sampling steps; choose at least 1")
        check_eta(self.eta)
        if self.eta != 0 and self.name != "ddim":
            raise ValueError(f"eta {self.eta} belongs to ddim, not to {self.name}; leave it out")

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
        own = {"ddpm": {"noise": noise}, "ddim": {"eta": self.eta, "noise": noise}, "dpmpp_2m": {}}[self.name]
        sampler = SAMPLERS[self.name]
        return sampler(denoise, x, schedule=schedule, steps=self.steps, progress=progress, **own)


def ddim_sigma(t: Tensor, s: Tensor, schedule: NoiseSchedule, *, eta: float, like: Tensor) -> Tensor:
    """Standard deviation of the noise between times t and s, DDIM eq. 16: (b, 1, 1), float64."""
    at, earlier = schedule.at(t, like), schedule.at(s, like)
    return eta * ((1 - at / earlier) * (1 - earlier) / (1 - at)).sqrt()


def ddim_mean(prediction: Prediction, s: Tensor, sigma: Tensor | float, schedule: NoiseSchedule) -> Tensor:
    """x_s without its fresh noise of deviation sigma, DDIM eq. 12: (b, c, l), like the prediction."""
    clean, noise = prediction
    earlier, dtype = schedule.at(s, clean), computation_dtype(clean)
    direction = (1 - earlier - sigma**2).sqrt().to(dtype)
    return (earlier.sqrt().to(dtype) * clean + direction * noise).to(clean.dtype)


def dpmpp_step(data: Tensor, x: Tensor, t: Tensor, s: Tensor, schedule: NoiseSchedule) -> Tensor:
    """x_s from x_t with the data prediction held constant, DPM-Solver++ eq. 9 to first order; s >= 0."""
    at, earlier, dtype = schedule.at(t, x), schedule.at(s, x), computation_dtype(x)
    h = half_log_snr(earlier) - half_log_snr(at)
    x_weight = ((1 - earlier) / (1 - at)).sqrt().to(dtype)
    data_weight = (-earlier.sqrt() * (-h).expm1()).to(dtype)
    return (x_weight * x + data_weight * data).to(x.dtype)


def extrapolate_data(
    clean: Tensor, before: Tensor, times: tuple[Tensor, Tensor, Tensor], schedule: NoiseSchedule
) -> Tensor:
    """D_i of DPM-Solver++ algorithm 2: two predictions extrapolated into the step from times[1] to [2]."""
    earliest, middle, latest = (half_log_snr(schedule.at(t, clean)) for t in times)
    weight = 0.5 * ((latest - middle) / (middle - earliest)).to(computation_dtype(clean))
    return ((1 + weight) * clean - weight * before).to(clean.dtype)


def half_log_snr(alpha_bar: Tensor) -> Tensor:
    """lambda = log(alpha / sigma), DPM-Solver (arXiv 2206.00927) sec. 2; infinite at alpha_bar 1."""
    return 0.5 * (alpha_bar.log() - (1 - alpha_bar).log())


def add_noise(mean: Tensor, deviation: Tensor, noise: NoiseSource) -> Tensor:
    """mean + deviation * fresh noise of each sample: (b, c, l), like the mean."""
    fresh = noise.normal(mean.shape[1:], device=mean.device)
    if fresh.shape != mean.shape:
        raise ValueError(f"noise is {tuple(fresh.shape)}, latents {tuple(mean.shape)}; give one key per sample")
    return (mean + deviation * fresh).to(mean.dtype)


def intervals(
    x: Tensor, schedule: NoiseSchedule, steps: int, progress: Progress | None = None
) -> Iterator[tuple[Tensor, Tensor, bool]]:
    """Neighbouring times (t, s) of the grid, each (b,), int64, and whether s is the last, clean one."""
    grid = time_grid(schedule.config.timesteps, steps).tolist()
    for done, (t, s) in enumerate(pairwise(grid), start=1):
        yield x.new_full((len(x),), t, dtype=torch.int64), x.new_full((len(x),), s, dtype=torch.int64), s < 0
        if progress is not None:
            progress(done, steps)


def check_eta(eta: float) -> None:
    """Raises ValueError unless eta is in [0, 1]."""
    if not 0 <= eta <= 1:
        raise ValueError(f"eta is {eta}; it must be in [0, 1]")
