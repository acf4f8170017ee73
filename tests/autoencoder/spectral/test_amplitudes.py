"""Amplitudes: what is lost comes back, within limits, in evaluation alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from autoencoder.spectral.test_spectral_autoencoder import CONFIG, clips, fitted

from pvdm.autoencoder import SpectralAutoencoder
from pvdm.autoencoder.spectral.amplitudes import Amplitudes
from pvdm.video import to_float

LIVELY = replace(CONFIG, still_gain=8.0, motion_gain=8.0)


def noise(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def changed(video: torch.Tensor) -> float:
    return video.diff(dim=2).square().mean().item()


def test_each_frequency_gets_its_amplitude_back():
    amplitudes, wanted = Amplitudes(LIVELY), noise(8, 6, 3, 16, 24)
    found = wanted * torch.linspace(1, 0.2, 6)[:, None, None, None]
    amplitudes.update(found, wanted)
    torch.testing.assert_close(amplitudes(found), wanted, rtol=1e-2, atol=1e-2)


def test_gains_have_limits():
    amplitudes, wanted = Amplitudes(replace(CONFIG, still_gain=1.5, motion_gain=2.0)), noise(8, 6, 3, 16, 24)
    assert amplitudes.gains.unique().tolist() == [1]
    amplitudes.update(wanted / 10, wanted)
    assert amplitudes.gains[0].unique().tolist() == [1.5]
    assert amplitudes.gains[1:].unique().tolist() == [2.0]
    amplitudes.update(wanted * 30, wanted)
    assert amplitudes.gains[1:].unique().tolist() == [0.5]


def test_running_amplitudes_are_root_mean_squares():
    amplitudes, first, second = Amplitudes(LIVELY), noise(2, 6, 3, 16, 24), 3 * noise(2, 6, 3, 16, 24).flip(0)
    for part in (first, second):
        amplitudes.update(part, part)
    together = Amplitudes(LIVELY)
    together.update(*2 * [torch.cat((first, second))])
    torch.testing.assert_close(amplitudes.wanted, together.wanted)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_batch_that_is_not_finite_changes_nothing(bad):
    amplitudes, video = Amplitudes(LIVELY), noise(2, 6, 3, 16, 24)
    broken = video.clone()
    broken[0, 2, 0, 0, 0] = bad
    amplitudes.update(broken, video)  # also as the first
    amplitudes.update(video, 2 * video)
    before = {name: value.clone() for name, value in amplitudes.state_dict().items()}
    amplitudes.update(broken, video)
    for name, value in amplitudes.state_dict().items():
        assert torch.equal(value, before[name]), name
    torch.testing.assert_close(amplitudes.gains, torch.full_like(amplitudes.gains, 2.0), rtol=1e-2, atol=0)


def test_latents_that_are_not_finite_leave_the_statistics():
    normalization = fitted().normalize["hw"]
    before = normalization.mean.clone(), normalization.square.clone()
    normalization.update(torch.full((2, 8, 4, 6), float("nan")), 0.5)
    assert torch.equal(normalization.mean, before[0]) and torch.equal(normalization.square, before[1])


def test_a_linear_code_moves_as_much_as_the_clips():
    video = to_float(clips(64))
    plain, lively = fitted().eval(), fitted(LIVELY).eval()
    with torch.no_grad():
        lost, kept = changed(plain(video)), changed(lively(video))
    assert lost < 0.9 * changed(video)
    assert abs(kept - changed(video)) < abs(lost - changed(video)) / 2


def test_training_mode_is_without_gains():
    plain, lively, video = fitted().train(), fitted(LIVELY).train(), to_float(clips(4))
    torch.testing.assert_close(lively(video), plain(video))


def test_observed_reconstructions_move_the_gains():
    autoencoder, video = fitted(LIVELY), to_float(clips(4))
    before = autoencoder.amplitudes.gains.clone()
    autoencoder.observe(video / 2, video)
    assert (autoencoder.amplitudes.gains - before).abs().max() > 0
    SpectralAutoencoder(CONFIG).observe(video, video)  # without gains there is nothing to follow


@pytest.mark.parametrize("limit", [0.5, -1.0])
def test_limits_below_one_are_refused(limit):
    with pytest.raises(ValueError, match="still_gain is"):
        replace(CONFIG, still_gain=limit)
