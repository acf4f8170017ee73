"""Samplers against the schedulers of diffusers, an independent oracle, on a network that is a formula."""

import pytest
import torch
from torch import Tensor

from pvdm.diffusion import make_denoise, sample_ddim, sample_ddpm, sample_dpmpp_2m, sample_unipc, time_grid

diffusers = pytest.importorskip("diffusers")

SHAPE = (2, 3, 8)


class SeededNoise:
    """The noise that diffusers draws from a generator of the same seed, float64."""

    def __init__(self, seed: int):
        self.generator = torch.Generator().manual_seed(seed)

    def normal(self, shape, *, device="cpu"):
        return torch.randn((SHAPE[0], *shape), generator=self.generator, dtype=torch.float64)


def network(z: Tensor, t: Tensor, condition=None) -> Tensor:
    """Not linear, not constant in time, and mixing positions: (b, c, l)."""
    return torch.sin(1.3 * z + t[:, None, None] / 150) + 0.4 * z.roll(1, dims=-1).tanh()


@pytest.fixture
def x():
    return torch.randn(SHAPE, generator=torch.Generator().manual_seed(2), dtype=torch.float64)


def scheduler_of(name: str, schedule, **options):
    """A scheduler of diffusers over our betas, in float64 where it stores float32."""
    ratios = schedule.alpha_bar[1:] / schedule.alpha_bar[:-1]
    betas = 1 - torch.cat([schedule.alpha_bar[:1], ratios])
    scheduler = getattr(diffusers, name)(trained_betas=betas.tolist(), **options)
    scheduler.alphas_cumprod = schedule.alpha_bar.clone()
    return scheduler


def run(scheduler, x: Tensor, **options) -> Tensor:
    """The loop of a diffusers pipeline."""
    for t in scheduler.timesteps:
        output = network(x, t.expand(len(x)))
        x = scheduler.step(output, t, x, **options).prev_sample
    return x


def denoise_of(schedule, *, parameterization="eps", **options):
    return make_denoise(network, schedule, parameterization=parameterization, **options)


@pytest.mark.parametrize("clamp", [False, True])
@pytest.mark.parametrize("eta", [0.0, 0.3, 1.0])
def test_ddim(schedule, x, eta, clamp):
    scheduler = scheduler_of("DDIMScheduler", schedule, clip_sample=clamp, timestep_spacing="trailing")
    scheduler.final_alpha_cumprod = torch.tensor(1.0, dtype=torch.float64)
    scheduler.set_timesteps(50)
    assert scheduler.timesteps.tolist() == time_grid(schedule, 50)[:-1]
    wanted = run(scheduler, x, eta=eta, generator=torch.Generator().manual_seed(9))
    denoise = denoise_of(schedule, clamp=clamp)
    found = sample_ddim(denoise, x, schedule=schedule, steps=50, eta=eta, noise=SeededNoise(9))
    torch.testing.assert_close(found, wanted, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("steps", [7, 25, 1000])
def test_ddpm(schedule, x, steps):
    scheduler = scheduler_of("DDPMScheduler", schedule, clip_sample=True)
    scheduler.set_timesteps(timesteps=time_grid(schedule, steps)[:-1])
    wanted = run(scheduler, x, generator=torch.Generator().manual_seed(9))
    denoise = denoise_of(schedule)
    found = sample_ddpm(denoise, x, schedule=schedule, steps=steps, noise=SeededNoise(9))
    # On a coarse grid diffusers adds noise of the clipped variance 1e-20 even at the last step.
    torch.testing.assert_close(found, wanted, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("grid", ["uniform", "cubic"])
@pytest.mark.parametrize("steps", [2, 7, 14, 20, 50])
def test_dpmpp_2m(schedule, x, steps, grid):
    scheduler = scheduler_of(
        "DPMSolverMultistepScheduler",
        schedule,
        algorithm_type="dpmsolver++",
        solver_order=2,
        solver_type="midpoint",
        lower_order_final=True,
        final_sigmas_type="zero",
        prediction_type="sample",
    )
    scheduler.set_timesteps(timesteps=time_grid(schedule, steps, grid=grid)[:-1])
    wanted = run(scheduler, x)
    denoise = denoise_of(schedule, parameterization="x0", clamp=False)
    found = sample_dpmpp_2m(denoise, x, schedule=schedule, steps=steps, grid=grid)
    # diffusers keeps sigmas and samples of this solver in float32.
    torch.testing.assert_close(found, wanted, rtol=0, atol=2e-6)


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("grid", ["uniform", "cubic"])
@pytest.mark.parametrize("steps", [2, 7, 20])
def test_unipc(schedule, x, steps, grid, order):
    scheduler = scheduler_of(
        "UniPCMultistepScheduler",
        schedule,
        solver_order=order,
        solver_type="bh2",
        lower_order_final=False,
        final_sigmas_type="zero",
        prediction_type="sample",
    )
    times = time_grid(schedule, steps, grid=grid)[:-1]
    scheduler.set_timesteps(steps)
    scheduler.timesteps = torch.tensor(times)
    levels = [schedule.level(time) for time in times]
    scheduler.sigmas = torch.tensor([*(level.sigma / level.alpha for level in levels), 0], dtype=torch.float64)
    wanted = x
    for t in scheduler.timesteps[:-1]:
        wanted = scheduler.step(network(wanted, t.expand(len(x))), t, wanted).prev_sample
    wanted = network(
        wanted, scheduler.timesteps[-1].expand(len(x))
    )  # at lower order, its last step is the clean latent
    denoise = denoise_of(schedule, parameterization="x0", clamp=False)
    found = sample_unipc(denoise, x, schedule=schedule, steps=steps, grid=grid, order=order)
    torch.testing.assert_close(found, wanted, rtol=1e-9, atol=1e-9)
