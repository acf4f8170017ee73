"""The schedule against the released one."""

import dataclasses
import json
import math

import numpy as np
import pytest
import torch

from pvdm.diffusion import DiffusionConfig, NoiseSchedule


def test_alpha_bar_is_the_released_one(schedule, golden):
    assert schedule.alpha_bar.dtype == torch.float64
    torch.testing.assert_close(schedule.alpha_bar.float(), golden["alphas_cumprod"], rtol=0, atol=1e-7)


def test_alpha_bar_is_the_product_of_one_minus_beta():
    config = DiffusionConfig(timesteps=4, linear_start=0.01, linear_end=0.16)
    betas = np.array([0.1, 0.2, 0.3, 0.4]) ** 2
    expected = torch.tensor([np.prod(1 - betas[: n + 1]) for n in range(4)])
    torch.testing.assert_close(NoiseSchedule(config).alpha_bar, expected, rtol=1e-14, atol=0)


def test_time_minus_one_is_clean(schedule):
    found = schedule.at(torch.tensor([-1, 0, 999]), like=torch.zeros(3, 4, 5, dtype=torch.bfloat16))
    assert found.shape == (3, 1, 1) and found.dtype == torch.float64
    assert found.flatten().tolist() == [1.0, schedule.alpha_bar[0].item(), schedule.alpha_bar[999].item()]


@pytest.mark.parametrize("time", [-2, 1000])
def test_times_out_of_range_are_refused(schedule, time):
    with pytest.raises(IndexError):
        schedule.at(torch.tensor([time]), like=torch.zeros(1))


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [(torch.float64, torch.float64), (torch.float32, torch.float32), (torch.bfloat16, torch.float32)],
)
def test_scales_are_computed_in_a_safe_dtype(schedule, dtype, expected):
    alpha, sigma = schedule.scales(torch.tensor([3]), torch.zeros(1, 2, 3, dtype=dtype))
    assert alpha.dtype == sigma.dtype == expected
    torch.testing.assert_close(alpha**2 + sigma**2, torch.ones(1, 1, 1, dtype=expected))


@pytest.mark.parametrize("time", [-1, 0, 500, 999])
def test_a_level_is_what_the_tables_hold(schedule, time):
    level, t, like = schedule.level(time), torch.tensor([time]), torch.zeros(1, dtype=torch.float64)
    assert level.time == time and level.alpha_bar == schedule.at(t, like).item()
    assert [level.alpha, level.sigma] == [scale.item() for scale in schedule.scales(t, like)]
    assert math.exp(level.half_log_snr) * level.sigma == pytest.approx(level.alpha) if time >= 0 else math.inf


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"timesteps": 0}, "timesteps is 0"),
        ({"linear_start": 0.0}, "linear_start 0.0"),
        ({"linear_start": 0.02}, "linear_start <= linear_end"),
        ({"linear_end": 1.0}, "linear_end 1.0"),
        ({"prediction": "score"}, "prediction is 'score'; it must be one of eps, x0, v"),
    ],
)
def test_config_is_checked(fields, message):
    with pytest.raises(ValueError, match=message):
        DiffusionConfig(**fields)


def test_config_survives_json():
    config = DiffusionConfig(timesteps=50, prediction="v")
    assert DiffusionConfig(**json.loads(json.dumps(dataclasses.asdict(config)))) == config
