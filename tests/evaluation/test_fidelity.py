"""Fidelity scores against closed forms, and in bf16 against float32."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.multiprocessing import start_processes
from torchmetrics.functional.image import structural_similarity_index_measure

from pvdm.errors import InputError
from pvdm.evaluation.metrics.fidelity import Fidelity, Sharpness, frames_at, high_frequency_energy, psnr, ssim
from pvdm.evaluation.metrics.naturalness import st_rred
from pvdm.video import to_float


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


def test_psnr_is_finite_without_error_and_clamps_reconstructions():
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
    found, wanted = 0.9 + 0.01 * noise  # bf16 has steps of 1/256 in this range
    with torch.autocast("cpu", torch.bfloat16):
        value = ssim(found.bfloat16(), wanted)
    torch.testing.assert_close(value, ssim(found.bfloat16().float(), wanted))


def wave(frequency_h: float, frequency_w: float, amplitude: float = 0.5, size: int = 32) -> torch.Tensor:
    """A clip (1, 3, 2, size, size) of a cosine with these cycles per pixel."""
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
    """The ratio of the means, which clips with little energy hardly change."""
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


def clips(count: int = 3, frames: int = 4, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Reconstructions and originals, (n, 3, t, 16, 16) uint8; all pairs differ."""
    generator = torch.Generator().manual_seed(seed)
    wanted = torch.randint(256, (count, 3, frames, 16, 16), generator=generator)
    spread = 10 * torch.arange(1, count + 1)[:, None, None, None, None]
    noise = torch.randn(wanted.shape, generator=generator) * spread
    return (wanted + noise).round().clamp(0, 255).byte(), wanted.byte()


def distance(found: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """A stand-in for LPIPS: one value per frame."""
    return (found - wanted).abs().flatten(1).mean(1)


def fidelity(found: torch.Tensor, wanted: torch.Tensor, batches=((0, 1, 2),), **options) -> dict:
    metric = Fidelity(lpips=distance, **options)
    for batch in batches:
        metric.update(batch, found[list(batch)], wanted[list(batch)])
    return metric.compute()


def test_fidelity_is_the_mean_of_each_clips_own():
    found, wanted = clips()
    errors = np.square(found.numpy().astype(float) - wanted.numpy())
    decibels = 10 * np.log10(255**2 / errors.mean((1, 2, 3, 4)))
    floats = to_float(found), to_float(wanted)
    result = fidelity(found, wanted)
    assert result["psnr"] == pytest.approx(decibels.mean(), rel=1e-12)
    assert result["psnr"] == pytest.approx(psnr(*floats).mean().item(), rel=1e-6)
    assert result["psnr"] != pytest.approx(10 * np.log10(255**2 / errors.mean()), rel=1e-2)
    assert result["ssim"] == pytest.approx(ssim(*floats).item(), rel=1e-5)
    assert result["lpips"] == pytest.approx((floats[0] - floats[1]).abs().mean().item(), rel=1e-5)
    assert result["st_rred"] is None


def test_psnr_per_frame_is_the_mean_over_clips():
    found, wanted = clips()
    errors = np.square(found.numpy().astype(float) - wanted.numpy()).mean((1, 3, 4))
    expected = (10 * np.log10(255**2 / errors)).mean(0)
    assert fidelity(found, wanted)["psnr_per_frame"] == pytest.approx(expected.tolist(), rel=1e-12)


def test_clips_of_other_lengths_count_in_the_frames_they_have():
    metric, (found, wanted) = Fidelity(), clips(count=2)
    metric.update([0], found[:1], wanted[:1])
    metric.update([1], found[1:, :, :2], wanted[1:, :, :2])
    alone = Fidelity()
    alone.update([0], found[:1], wanted[:1])
    assert metric.compute()["psnr_per_frame"][2:] == alone.compute()["psnr_per_frame"][2:]


def test_lpips_takes_some_frames_at_a_time():
    found, wanted = clips(count=1, frames=21)
    sizes, metric = [], Fidelity(lpips=lambda found, wanted: sizes.append(len(found)) or distance(found, wanted))
    metric.update([0], found, wanted)
    assert sizes == [16, 5]
    expected = (to_float(found) - to_float(wanted)).abs().mean().item()
    assert metric.compute()["lpips"] == pytest.approx(expected, rel=1e-5)


def test_equal_clips_count_as_106_decibels():
    wanted = clips()[1]
    result = fidelity(wanted, wanted)
    assert [result["psnr"], *result["psnr_per_frame"]] == pytest.approx([10 * math.log10(4e10)] * 5)
    assert (result["ssim"], result["lpips"]) == (pytest.approx(1), 0)


@pytest.mark.parametrize("batches", [((0,), (1,), (2,)), ((2, 0), (1,)), ((1, 2), (0, 1))])
def test_fidelity_is_equal_for_any_batches_and_order(batches):
    """To the last digit, even if a clip comes twice."""
    assert fidelity(*clips(), batches) == fidelity(*clips())


def test_st_rred_is_that_of_the_clips_which_have_one():
    generator = torch.Generator().manual_seed(0)
    wanted = torch.randint(256, (2, 3, 2, 72, 72), generator=generator).byte()
    gradient = torch.linspace(0, 255, 72).byte().expand(3, 2, 72, 72)
    found = torch.stack([wanted[0].clamp(40, 200), gradient])
    result = fidelity(found, wanted, ((0, 1),), st_rred=True)
    assert result["st_rred"] == st_rred(wanted[0], found[0])


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        (torch.zeros(1, 3, 2, 16, 16), torch.zeros(1, 3, 2, 16, 16)),
        (torch.zeros(1, 3, 2, 16, 16).byte(), torch.zeros(1, 3, 3, 16, 16).byte()),
        (torch.zeros(3, 2, 16, 16).byte(), torch.zeros(3, 2, 16, 16).byte()),
    ],
)
def test_clips_that_cannot_be_compared_are_refused(found, wanted):
    with pytest.raises(InputError, match=r"fidelity was given clips .*; give both as \(b, 3, t, h, w\) of uint8"):
        Fidelity().update([0], found, wanted)


@pytest.mark.filterwarnings("ignore:The ``compute`` method")
def test_no_clips_have_no_fidelity():
    with pytest.raises(InputError, match="fidelity was given no clips; give at least one"):
        Fidelity().compute()


@pytest.mark.parametrize("shares", [((0,), (2, 1)), ((0, 1, 2), ())])
def test_two_processes_equal_one(tmp_path, shares):
    """To the last digit, even if one of them has no clips."""
    (alone,) = fidelity_of_processes(tmp_path / "one", ((0, 1, 2),))
    assert fidelity_of_processes(tmp_path / "two", shares) == [alone, alone]


def fidelity_of_processes(folder: Path, shares: tuple[tuple[int, ...], ...]) -> list[dict]:
    """The result of each process for its share, over gloo; forked, to avoid importing everything again."""
    folder.mkdir()
    start_processes(share_of_fidelity, (folder, shares), nprocs=len(shares), start_method="fork")
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in range(len(shares))]


def share_of_fidelity(rank: int, folder: Path, shares: tuple[tuple[int, ...], ...]) -> None:
    torch.set_num_threads(1)  # the threads of the parent process do not exist here
    meet = f"file://{folder / 'meet'}"
    torch.distributed.init_process_group("gloo", init_method=meet, rank=rank, world_size=len(shares))
    result = fidelity(*clips(), [[index] for index in shares[rank]])
    (folder / f"{rank}.json").write_text(json.dumps(result))
    torch.distributed.destroy_process_group()


def test_a_measure_that_is_not_finite_is_refused_and_not_passed_over():
    clips = torch.zeros(2, 3, 4, 16, 16, dtype=torch.uint8)
    fidelity = Fidelity(lpips=lambda found, wanted: torch.full((len(found),), torch.nan))
    with pytest.raises(InputError, match="lpips of clip 7 is nan; check this clip"):
        fidelity.update([7, 8], clips, clips)
