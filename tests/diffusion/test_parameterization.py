"""What networks predict: each parameterization against the others, its definition, and the weights of its loss."""

from typing import get_args

import numpy as np
import pytest
import torch
from reference import normal

from pvdm.diffusion import (
    PARAMETERIZATIONS,
    Parameterization,
    diffusion_loss,
    min_snr_weight,
    q_sample,
    to_prediction,
    training_target,
    velocity,
)

ALL_TIMES = torch.arange(1000)


@pytest.mark.parametrize("parameterization", PARAMETERIZATIONS)
def test_a_perfect_output_gives_back_clean_latent_and_noise(schedule, batch, parameterization):
    x0, noise, t = batch
    x = q_sample(x0, noise, t, schedule)
    target = training_target(x0, noise, t, schedule, parameterization)
    clean, found = to_prediction(target, x, t, schedule, parameterization)
    torch.testing.assert_close(clean, x0, rtol=0, atol=1e-11)
    torch.testing.assert_close(found, noise, rtol=0, atol=1e-11)


@pytest.mark.parametrize("parameterization", PARAMETERIZATIONS)
def test_an_imperfect_output_explains_x(schedule, batch, parameterization):
    output, x, t = batch
    prediction = to_prediction(output, x, t, schedule, parameterization)
    again = q_sample(prediction.clean, prediction.noise, t, schedule)
    torch.testing.assert_close(again, x, rtol=0, atol=1e-11)


@pytest.mark.parametrize("parameterization", PARAMETERIZATIONS)
def test_parameterizations_agree_on_the_same_prediction(schedule, batch, parameterization):
    output, x, t = batch
    clean, noise = to_prediction(output, x, t, schedule, "eps")
    other = training_target(clean, noise, t, schedule, parameterization)
    found = to_prediction(other, x, t, schedule, parameterization)
    torch.testing.assert_close(found.noise, noise, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(found.clean, clean, rtol=1e-9, atol=1e-9)


def test_velocity_is_the_derivative_by_the_angle(schedule, batch):
    x0, noise, t = batch
    angle = schedule.alpha_bar[t].sqrt().arccos()[:, None, None]
    step = 1e-6
    ahead = torch.cos(angle + step) * x0 + torch.sin(angle + step) * noise
    behind = torch.cos(angle - step) * x0 + torch.sin(angle - step) * noise
    torch.testing.assert_close(velocity(x0, noise, t, schedule), (ahead - behind) / (2 * step), atol=1e-8, rtol=0)


def test_min_snr_weights_are_their_closed_forms(schedule):
    betas = np.linspace(0.0015**0.5, 0.0195**0.5, 1000) ** 2
    snr = np.cumprod(1 - betas) / (1 - np.cumprod(1 - betas))
    assert snr[0] > 5 > snr[-1]
    wanted = {"x0": np.minimum(snr, 5), "eps": np.minimum(1, 5 / snr), "v": np.minimum(snr, 5) / (snr + 1)}
    for parameterization, weight in wanted.items():
        found = min_snr_weight(ALL_TIMES, schedule, parameterization, gamma=5)
        assert found.dtype == torch.float64
        np.testing.assert_allclose(found.numpy(), weight, rtol=1e-9)


def test_min_snr_weights_make_the_same_loss_of_every_parameterization(schedule):
    t = torch.tensor([0, 40, 250, 700, 999])
    x0, noise, guess = (normal(seed, 5, 2, 8).double() for seed in (4, 5, 6))
    x, losses = q_sample(x0, noise, t, schedule), []
    for parameterization in PARAMETERIZATIONS:  # the same guess of the clean latent, seen as each of the three
        clean, eps = to_prediction(guess, x, t, schedule, "x0")
        output = training_target(clean, eps, t, schedule, parameterization)
        target = training_target(x0, noise, t, schedule, parameterization)
        weight = min_snr_weight(t, schedule, parameterization, gamma=5)
        losses.append(weight * diffusion_loss(output, target))
    torch.testing.assert_close(losses[0], losses[1], rtol=1e-8, atol=0)
    torch.testing.assert_close(losses[0], losses[2], rtol=1e-8, atol=0)


@pytest.mark.parametrize(("parameterization", "limit"), [("eps", lambda snr: 1), ("v", lambda snr: snr / (snr + 1))])
def test_a_large_gamma_weighs_as_x0_alone(schedule, parameterization, limit):
    found = min_snr_weight(ALL_TIMES, schedule, parameterization, gamma=1e9)
    snr = schedule.snr(ALL_TIMES)
    torch.testing.assert_close(found, limit(snr) * torch.ones_like(snr), rtol=1e-12, atol=0)


def test_every_name_of_a_config_has_its_parameterization():
    assert tuple(PARAMETERIZATIONS) == get_args(Parameterization)


def test_an_unknown_name_is_named(schedule, batch):
    x0, noise, t = batch
    with pytest.raises(ValueError, match="'score'"):
        to_prediction(x0, noise, t, schedule, "score")
    with pytest.raises(ValueError, match="'score'"):
        training_target(x0, noise, t, schedule, "score")
    with pytest.raises(ValueError, match="'score'"):
        min_snr_weight(t, schedule, "score", gamma=5)
