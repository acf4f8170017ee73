"""The process's equations against the released numbers and Bayes' rule."""

import math

import pytest
import torch
from reference import normal

from pvdm.diffusion import (
    diffusion_loss,
    posterior,
    q_sample,
    to_prediction,
)


def test_q_sample_is_the_released_one(schedule, golden):
    x0, noise = normal(4, 3, 4, 2048).tanh(), normal(5, 3, 4, 2048)
    found = q_sample(x0, noise, golden["unet_t"], schedule)
    torch.testing.assert_close(found, golden["q_sample"], rtol=0, atol=1e-6)


def test_ancestral_step_is_the_released_one(schedule, golden):
    x, t = normal(2, 3, 4, 2048), golden["unet_t"]
    clean = to_prediction(golden["unet_out_cond"], x, t, schedule, "eps").clean.clamp(-1, 1)
    mean, log_variance = posterior(clean, x, t, t - 1, schedule)
    torch.testing.assert_close(mean, golden["ddpm_mean"], rtol=0, atol=2e-6)
    torch.testing.assert_close(log_variance, golden["ddpm_logvar"], rtol=1e-6, atol=1e-6)


def test_posterior_is_bayes_rule(schedule):
    generator = torch.Generator().manual_seed(0)
    t = torch.randint(1, 1000, (64,), generator=generator)
    s = (torch.rand(64, generator=generator) * t).long()
    x0, x = torch.randn(2, 64, 1, 3, generator=generator, dtype=torch.float64)
    earlier = schedule.alpha_bar[s][:, None, None]
    ratio = schedule.alpha_bar[t][:, None, None] / earlier
    precision = 1 / (1 - earlier) + ratio / (1 - ratio)
    weighted = earlier.sqrt() * x0 / (1 - earlier) + ratio.sqrt() * x / (1 - ratio)
    mean, log_variance = posterior(x0, x, t, s, schedule)
    torch.testing.assert_close(mean, weighted / precision, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(log_variance, -precision.log(), rtol=1e-9, atol=1e-9)


def test_posterior_at_the_clean_end_is_the_clean_latent(schedule, batch):
    x0, x, t = batch
    mean, log_variance = posterior(x0, x, t, torch.full_like(t, -1), schedule)
    torch.testing.assert_close(mean, x0, rtol=0, atol=1e-12)
    torch.testing.assert_close(log_variance, torch.full((5, 1, 1), math.log(1e-20), dtype=torch.float64))


def test_low_precision_comes_back_as_given_and_is_computed_safely(schedule, batch):
    x0, noise, t = (value.bfloat16() if value.is_floating_point() else value for value in batch)
    found = q_sample(x0, noise, t, schedule)
    assert found.dtype == torch.bfloat16
    expected = q_sample(x0.double(), noise.double(), t, schedule)
    torch.testing.assert_close(found, expected.float().bfloat16(), rtol=0, atol=0)
    mean, log_variance = posterior(x0, noise, t, t - 1, schedule)
    assert mean.dtype == torch.bfloat16 and log_variance.dtype == torch.float32


def test_loss_is_the_mean_of_each_sample():
    output, target = torch.tensor([[[1.0, 3.0]], [[0.0, -2.0]]]), torch.zeros(2, 1, 2)
    torch.testing.assert_close(diffusion_loss(output, target), torch.tensor([5.0, 2.0]))
    torch.testing.assert_close(diffusion_loss(output, target, norm="l1"), torch.tensor([2.0, 1.0]))
    assert diffusion_loss(output.bfloat16(), target.bfloat16()).dtype == torch.float32


def test_wrong_arguments_are_named(batch):
    x0, noise, _ = batch
    with pytest.raises(ValueError, match="norm is 'huber'; it must be l2 or l1"):
        diffusion_loss(x0, noise, norm="huber")
    with pytest.raises(ValueError, match=r"\(5, 2, 8\), its target \(1, 2, 8\)"):
        diffusion_loss(x0, noise[:1])
