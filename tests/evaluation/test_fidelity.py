"""Measures of validation against closed forms and against their own float32."""

import math

import pytest
import torch
from torchmetrics.functional.image import structural_similarity_index_measure

from pvdm.evaluation.fidelity import Sharpness, frames_at, high_frequency_energy, psnr, ssim


def test_psnr_of_a_constant_error_is_its_closed_form():
    wanted = torch.zeros(2, 3, 4, 8, 8)
    found = torch.stack([wanted[0] + 0.1, wanted[1] - 0.5])
    expected = [10 * math.log10(4 / 0.1**2), 10 * math.log10(4 / 0.5**2)]
    assert psnr(found, wanted).tolist() == pytest.approx(expected, abs=1e-4)


def test_psnr_is_that_of_8_bit_pixels():
    wanted = torch.randint(256, (1, 3, 2, 8, 8), generator=torch.Generator().manual_seed(0)).float()
    found = (wanted + 3).clamp(0, 255)
    error = (found - wanted).square().mean().item()
    found, wanted = found / 127.5 - 1, wanted / 127.5 - 1
    assert psnr(found, wanted).item() == pytest.approx(10 * math.log10(255**2 / error), abs=1e-3)


def test_psnr_is_finite_without_error_and_clamps_what_is_found():
    wanted = torch.ones(1, 3, 1, 4, 4)
    assert psnr(wanted, wanted).item() == pytest.approx(10 * math.log10(4e10))
    torch.testing.assert_close(psnr(wanted + 5, wanted), psnr(wanted, wanted))


def test_ssim_is_the_mean_over_frames():
    found, wanted = torch.rand(2, 2, 3, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
    frames = [
        structural_similarity_index_measure(found[i, :, t][None], wanted[i, :, t][None], data_range=(-1.0, 1.0))
        for i in range(2)
        for t in range(3)
    ]
    torch.testing.assert_close(ssim(found, wanted), torch.stack(frames).mean())
    torch.testing.assert_close(ssim(wanted, wanted), torch.tensor(1.0))


def test_ssim_is_float32_under_bf16():
    noise = torch.rand(2, 1, 3, 2, 16, 16, generator=torch.Generator().manual_seed(0))
    found, wanted = 0.9 + 0.01 * noise  # bf16 has steps of 1/256 there
    with torch.autocast("cpu", torch.bfloat16):
        value = ssim(found.bfloat16(), wanted)
    torch.testing.assert_close(value, ssim(found.bfloat16().float(), wanted))


def wave(frequency_h: float, frequency_w: float, amplitude: float = 0.5, size: int = 32) -> torch.Tensor:
    """A clip (1, 3, 2, size, size) of a cosine of so many cycles per pixel."""
    places = torch.arange(size, dtype=torch.float64)
    phase = frequency_h * places[:, None] + frequency_w * places
    return (amplitude * torch.cos(2 * math.pi * phase)).float().expand(1, 3, 2, size, size)


def sharpness(found: torch.Tensor, wanted: torch.Tensor, sizes=(1,)) -> float:
    metric, start = Sharpness(), 0
    for size in sizes:
        metric.update(found[start : start + size], wanted[start : start + size])
        start += size
    return metric.compute().item()


@pytest.mark.parametrize("frequencies", [(0.375, 0), (0, 0.375), (0.25, 0.25), (0.3125, -0.375)])
def test_the_energy_of_a_high_frequency_is_its_closed_form(frequencies):
    """A cosine spreads its energy, 1/4 of amplitude squared on each side, over 3x3 bins of a Hann window."""
    expected = 2 * 0.5**2 / 4 * (0.5**2 + 2 * 0.25**2) ** 2
    assert high_frequency_energy(wave(*frequencies)).tolist() == pytest.approx([expected], rel=1e-4)


@pytest.mark.parametrize("frequencies", [(0, 0), (0.125, 0), (0.125, 0.125), (0, 0.1875)])
def test_low_frequencies_have_no_such_energy(frequencies):
    assert high_frequency_energy(wave(*frequencies)).item() == pytest.approx(0, abs=1e-9)


def test_borders_that_do_not_meet_are_no_edges():
    ramp = torch.linspace(-1, 1, 32).expand(1, 3, 2, 32, 32)
    edge = torch.where(torch.arange(32) < 16, -1.0, 1.0).expand(1, 3, 2, 32, 32)
    assert high_frequency_energy(ramp).item() < 1e-4 * high_frequency_energy(edge).item()


def test_sharpness_is_the_ratio_of_energies_and_one_for_the_clip_itself():
    real = wave(0.375, 0) + wave(0.0625, 0, 0.25)
    assert sharpness(real, real) == pytest.approx(1)
    assert sharpness(wave(0.375, 0, 0.25) + wave(0, 0.125), real) == pytest.approx(0.25, rel=1e-4)
    assert sharpness(wave(0.0625, 0), real) == pytest.approx(0, abs=1e-6)


def test_sharpness_does_not_depend_on_the_batches():
    """It is the ratio of the means, which clips with little energy move little."""
    found = torch.cat([wave(0.375, 0, a) for a in (0.1, 0.2, 0.3)])
    wanted = torch.cat([wave(0.375, 0, a) for a in (0.5, 0.1, 0.4)])
    ratio = (0.1**2 + 0.2**2 + 0.3**2) / (0.5**2 + 0.1**2 + 0.4**2)
    for sizes in ((1, 1, 1), (2, 1), (3,)):
        assert sharpness(found, wanted, sizes) == pytest.approx(ratio, rel=1e-4)


def test_frames_are_picked_for_each_clip():
    video = torch.arange(6.0).reshape(2, 1, 3, 1, 1).expand(2, 3, 3, 1, 1)
    picked = frames_at(video, torch.tensor([[2, 0], [1, 1]]))
    assert picked.shape == (4, 3, 1, 1)
    assert picked[:, 0, 0, 0].tolist() == [2, 0, 4, 4]
