"""Measures of validation against closed forms and against their own float32."""

import math

import pytest
import torch
from torchmetrics.functional.image import structural_similarity_index_measure

from pvdm.training.measures import psnr, ssim


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
