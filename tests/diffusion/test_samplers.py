"""Samplers against closed forms on Gaussian data, where the exact denoiser is known, and their properties."""

import math
from functools import partial
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from pvdm.diffusion import (
    GRIDS,
    SAMPLERS,
    NoiseSchedule,
    Prediction,
    SamplerConfig,
    VideoNoise,
    make_denoise,
    sample,
    sample_ddim,
    sample_ddpm,
    sample_dpmpp_2m,
    sample_unipc,
    time_grid,
)

MEAN, DEVIATION = 0.4, 0.5
DETERMINISTIC = ("dpmpp_2m", "unipc", "consistency")


@pytest.fixture
def denoise(schedule):
    """The exact denoiser of data ~ N(MEAN, DEVIATION^2): E[x_0 | x_t] and the noise that goes with it."""

    def denoise(x: Tensor, t: Tensor) -> Prediction:
        alpha, sigma = schedule.scales(t, x)
        gain = alpha * DEVIATION**2 / (alpha**2 * DEVIATION**2 + sigma**2)
        clean = MEAN + gain * (x - alpha * MEAN)
        return Prediction(clean, (x - alpha * clean) / sigma)

    return denoise


@pytest.fixture
def x():
    return torch.randn(4, 2, 4096, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def transported(x: Tensor, schedule: NoiseSchedule, *, s: int = -1) -> Tensor:
    """Where the probability flow carries x from time T-1 to s: from quantile to quantile of two Gaussians."""
    mean, deviation = marginal(schedule, schedule.config.timesteps - 1)
    mean_s, deviation_s = marginal(schedule, s)
    return mean_s + deviation_s * (x - mean) / deviation


def marginal(schedule: NoiseSchedule, t: int) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of x_t."""
    alpha_bar = schedule.at(torch.tensor([t]), torch.zeros(1))
    return alpha_bar.sqrt() * MEAN, (alpha_bar * DEVIATION**2 + 1 - alpha_bar).sqrt()


def error(found: Tensor, wanted: Tensor) -> float:
    return (found - wanted).square().mean().sqrt().item()


def test_ddim_follows_the_probability_flow(schedule, denoise, x):
    wanted = transported(x, schedule)
    coarse, fine = (error(sample_ddim(denoise, x, schedule=schedule, steps=n), wanted) for n in (100, 1000))
    assert fine < 5e-3 and fine < coarse / 5


def test_dpmpp_2m_is_closer_to_many_steps_than_ddim_at_20(schedule, denoise, x):
    reference = sample_ddim(denoise, x, schedule=schedule, steps=1000)
    first = error(sample_ddim(denoise, x, schedule=schedule, steps=20), reference)
    second = error(sample_dpmpp_2m(denoise, x, schedule=schedule, steps=20), reference)
    # By a fifth only: the grid's last step, from time 49 to clean, is the same in both, and leads the error.
    assert second < 0.8 * first


@pytest.mark.parametrize(
    ("sampler", "order"),
    [(sample_ddim, 1), (sample_dpmpp_2m, 2), (partial(sample_unipc, order=1), 2), (partial(sample_unipc, order=2), 3)],
)
def test_the_order_of_convergence(schedule, denoise, x, sampler, order):
    """Halved steps divide the error by 2^order at time 99, which is on all three grids."""

    def error_at_99(steps: int) -> float:
        seen = {}

        def recording(x: Tensor, t: Tensor) -> Prediction:
            seen[t[0].item()] = x
            return denoise(x, t)

        sampler(recording, x, schedule=schedule, steps=steps)
        return error(seen[99], transported(x, schedule, s=99))

    x = x[..., :512]
    errors = [error_at_99(steps) for steps in (250, 500, 1000)]
    ratios = [coarse / fine for coarse, fine in pairwise(errors)]
    assert all(abs(math.log2(ratio) - order) < 0.35 for ratio in ratios), ratios


@pytest.mark.parametrize("sampler", [sample_ddpm, sample_ddim])
def test_ancestral_sampling_has_the_mean_and_variance_of_the_data(schedule, denoise, x, sampler):
    options = {"eta": 1.0} if sampler is sample_ddim else {}
    noise = VideoNoise([(0, video) for video in range(4)])
    found = sampler(denoise, x, schedule=schedule, steps=1000, noise=noise, **options)
    standard_error = DEVIATION / math.sqrt(x.numel())
    assert abs(found.mean().item() - MEAN) < 4 * standard_error
    assert abs(found.std().item() / DEVIATION - 1) < 0.02


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("steps", [1, 2, 7, 30])
def test_a_known_clean_latent_is_found_on_any_grid(schedule, x, name, steps):
    goal = x.tanh()

    def denoise(x: Tensor, t: Tensor) -> Prediction:
        alpha, sigma = schedule.scales(t, x)
        return Prediction(goal, (x - alpha * goal) / sigma)

    options = {} if name in DETERMINISTIC else {"noise": VideoNoise([(n,) for n in range(4)])}
    found = SAMPLERS[name](denoise, x, schedule=schedule, steps=steps, **options)
    torch.testing.assert_close(found, goal, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("grid", GRIDS)
def test_every_time_of_the_grid_is_visited_once_and_progress_told(schedule, denoise, name, grid):
    visited, told = [], []

    def recording(x: Tensor, t: Tensor) -> Prediction:
        assert t.dtype == torch.int64 and t.shape == (2,)
        visited.append(t[0].item())
        return denoise(x, t)

    options = {} if name in DETERMINISTIC else {"noise": VideoNoise([(0,), (1,)])}
    SAMPLERS[name](
        recording,
        torch.zeros(2, 1, 3),
        schedule=schedule,
        steps=7,
        grid=grid,
        progress=lambda done, steps: told.append((done, steps)),
        **options,
    )
    assert visited == time_grid(schedule, 7, grid=grid)[:-1]
    assert told == [(n, 7) for n in range(1, 8)]


@pytest.mark.parametrize(
    "config",
    [
        SamplerConfig("ddpm", 9),
        SamplerConfig("ddim", 9, eta=0.7),
        SamplerConfig("ddim", 9),
        SamplerConfig("dpmpp_2m", 9),
        SamplerConfig("unipc", 9),
    ],
    ids=lambda config: f"{config.name}-{config.eta}",
)
def test_a_video_depends_on_its_key_and_condition_alone(schedule, config):
    def network(z, t, condition):
        return torch.sin(z + t[:, None, None] / 100) + condition.channels(z)

    def sampled(videos: list[int]) -> Tensor:
        noise = VideoNoise([(3, video) for video in videos])
        context = torch.stack([torch.full((2, 6), 0.1 * video) for video in videos])
        denoise = make_denoise(network, schedule, parameterization="eps", condition=context)
        return sample(denoise, noise.normal((2, 6)), config, schedule=schedule, noise=noise)

    together = sampled([0, 1, 2])
    assert together.dtype == torch.float32 and together.isfinite().all()
    assert torch.equal(sampled([2, 0]), together[[2, 0]])


def test_config_runs_its_sampler(schedule, denoise, x):
    def key_noise() -> VideoNoise:
        return VideoNoise([(0, video) for video in range(4)])

    wanted = {
        SamplerConfig("ddpm", 5): sample_ddpm(denoise, x, schedule=schedule, steps=5, noise=key_noise()),
        SamplerConfig("ddim", 6): sample_ddim(denoise, x, schedule=schedule, steps=6),
        SamplerConfig("ddim", 6, eta=0.5): sample_ddim(
            denoise, x, schedule=schedule, steps=6, eta=0.5, noise=key_noise()
        ),
        SamplerConfig("dpmpp_2m", 7): sample_dpmpp_2m(denoise, x, schedule=schedule, steps=7, grid="cubic"),
        SamplerConfig("unipc", 7): sample_unipc(denoise, x, schedule=schedule, steps=7, grid="cubic"),
        SamplerConfig("unipc", 7, grid="karras"): sample_unipc(denoise, x, schedule=schedule, steps=7, grid="karras"),
    }
    for config, expected in wanted.items():
        assert torch.equal(sample(denoise, x, config, schedule=schedule, noise=key_noise()), expected)


@pytest.mark.parametrize(
    ("name", "steps", "grid"),
    [("ddpm", 1000, "uniform"), ("ddim", 100, "uniform"), ("dpmpp_2m", 20, "cubic"), ("unipc", 20, "cubic")],
)
def test_what_is_left_out_is_the_solvers_own(name, steps, grid):
    assert SamplerConfig(name).completed(1000) == SamplerConfig(name, steps, grid=grid)
    assert SamplerConfig(name).completed(10).steps == 10
    given = SamplerConfig(name, 7, grid="karras")
    assert given.completed(1000) == given


def test_nothing_said_is_20_steps_of_unipc():
    assert SamplerConfig().completed(1000) == SamplerConfig("unipc", 20, grid="cubic")


@pytest.mark.parametrize("name", ["ddim", "dpmpp_2m", "unipc"])
def test_no_number_leaves_the_device_during_sampling(schedule, name):
    """`meta` tensors have no values, so that whatever asks for one fails."""

    def denoise(x: Tensor, t: Tensor) -> Prediction:
        return Prediction(x, x)

    x = torch.empty(2, 3, 4, device="meta")
    found = sample(denoise, x, SamplerConfig(name), schedule=schedule, noise=VideoNoise([(0,), (1,)]))
    assert found.device.type == "meta" and found.shape == x.shape


@pytest.mark.parametrize("name", SAMPLERS)
def test_bfloat16_stays_bfloat16(schedule, denoise, name):
    options = {} if name in DETERMINISTIC else {"noise": VideoNoise([(0,)])}
    x = torch.ones(1, 1, 3, dtype=torch.bfloat16)

    def cast(x: Tensor, t: Tensor) -> Prediction:
        return Prediction(*(value.to(x.dtype) for value in denoise(x, t)))

    found = SAMPLERS[name](cast, x, schedule=schedule, steps=5, **options)
    assert found.dtype == torch.bfloat16 and found.isfinite().all()


def test_wrong_arguments_are_named(schedule, denoise, x):
    with pytest.raises(ValueError, match=r"eta 0\.5 belongs to ddim, not to dpmpp_2m"):
        SamplerConfig("dpmpp_2m", eta=0.5)
    with pytest.raises(ValueError, match="'euler'; it must be one of ddpm, ddim, dpmpp_2m, unipc"):
        SamplerConfig("euler")
    with pytest.raises(ValueError, match="steps is 0; choose at least 1"):
        SamplerConfig(steps=0)
    with pytest.raises(ValueError, match=r"eta is 1\.5; it must be in \[0, 1\]"):
        SamplerConfig(eta=1.5)
    with pytest.raises(ValueError, match="the grid is 'linear'; it must be one of uniform, quadratic"):
        SamplerConfig(grid="linear")
    with pytest.raises(ValueError, match=r"eta 0\.5 draws noise; give a noise source"):
        sample_ddim(denoise, x, schedule=schedule, steps=2, eta=0.5)
    with pytest.raises(ValueError, match="1001 sampling steps"):
        sample_ddim(denoise, x, schedule=schedule, steps=1001)
    with pytest.raises(ValueError, match="give one key per sample"):
        sample_ddpm(denoise, x, schedule=schedule, steps=2, noise=VideoNoise([(0,)]))
