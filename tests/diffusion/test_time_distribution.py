"""Distributions of the timesteps in training, and that v-prediction with them is EDM's training."""

import math

import numpy as np
import pytest
import torch

from pvdm.diffusion import DiffusionConfig, NoiseSchedule, TimeDistribution, to_prediction, training_target

SCHEDULE = NoiseSchedule(DiffusionConfig())


def log_sigmas(distribution: TimeDistribution, count: int = 4000, **options) -> np.ndarray:
    generator = np.random.default_rng(0)
    drawn = [distribution.draw(generator, SCHEDULE, **options) for _ in range(count)]
    assert set(map(type, drawn)) == {int}
    return np.array([-SCHEDULE.level(time).half_log_snr for time in drawn])


def test_lognormal_has_its_mean_and_deviation():
    found = log_sigmas(TimeDistribution("lognormal", mean=-0.5, std=1.0))
    assert found.mean() == pytest.approx(-0.5, abs=4 / math.sqrt(4000))
    assert found.std() == pytest.approx(1.0, abs=4 / math.sqrt(8000))
    assert np.mean(found < -0.5) == pytest.approx(0.5, abs=0.04)


def test_samples_with_a_context_are_trained_at_higher_noise():
    distribution = TimeDistribution("lognormal", mean=-0.5, std=0.5, context_shift=0.7)
    difference = log_sigmas(distribution, has_context=True) - log_sigmas(distribution)
    np.testing.assert_allclose(difference, 0.7, atol=0.25)  # the rounding to timesteps, which are coarse at low noise
    assert difference.mean() == pytest.approx(0.7, abs=0.02)


@pytest.mark.parametrize("name", ["uniform", "lognormal"])
def test_a_larger_picture_is_trained_at_higher_noise(name):
    """log-SNR, twice log(alpha / sigma), falls by 2 log 2 at twice the side."""
    plain, larger = (log_sigmas(TimeDistribution(name, 0.0, 0.5, relative_side=side)) for side in (1.0, 2.0))
    inside = (plain > -1) & (larger < larger.max())  # timesteps are coarse at low noise, and end
    np.testing.assert_allclose((larger - plain)[inside], math.log(2), atol=0.03)
    smaller = log_sigmas(TimeDistribution(name, 0.0, 0.5, relative_side=0.5))
    assert (smaller <= plain).all()
    with pytest.raises(ValueError, match="relative_side is 0; it must be above 0"):
        TimeDistribution(name, relative_side=0)


def test_what_lies_outside_of_the_schedule_becomes_its_end():
    generator = np.random.default_rng(0)
    ends = [TimeDistribution("lognormal", mean, 0.01).draw(generator, SCHEDULE) for mean in (-20.0, 20.0)]
    assert ends == [0, 999]


def test_uniform_draws_what_it_always_drew():
    first, second = np.random.default_rng(3), np.random.default_rng(3)
    assert [TimeDistribution().draw(first, SCHEDULE) for _ in range(20)] == [
        int(second.integers(1000)) for _ in range(20)
    ]


def test_v_prediction_is_edm_with_unit_data():
    """EDM (arXiv 2206.00364) table 1 with sigma_data 1, written anew, on clean + s noise."""
    generator = torch.Generator().manual_seed(0)
    clean, noise, output = (torch.randn(3, 2, 5, generator=generator, dtype=torch.float64) for _ in range(3))
    t = torch.tensor([0, 300, 999])
    s = torch.tensor([math.exp(-SCHEDULE.level(time).half_log_snr) for time in t.tolist()]).double()[:, None, None]
    x = (clean + s * noise) / (1 + s**2).sqrt()  # c_in times EDM's input: what q_sample gives
    denoised = (clean + s * noise) / (1 + s**2) + s / (1 + s**2).sqrt() * output  # c_skip x + c_out F
    found = to_prediction(-output, x, t, SCHEDULE, "v").clean
    torch.testing.assert_close(found, denoised, rtol=1e-5, atol=1e-6)
    weighted = (s**2 + 1) / s**2 * (denoised - clean) ** 2
    unweighted = (-output - training_target(clean, noise, t, SCHEDULE, "v")) ** 2
    torch.testing.assert_close(unweighted, weighted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"name": "normal"}, "must be uniform or lognormal"), ({"std": 0.0}, "std is 0.0; it must be above 0")],
)
def test_values_are_checked(options, message):
    with pytest.raises(ValueError, match=message):
        TimeDistribution(**options)
