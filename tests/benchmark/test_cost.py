"""What a training costs: the document's tables, closed forms, and operations counted anew."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from pvdm.autoencoder import AutoencoderConfig, ProjectedAutoencoder
from pvdm.autoencoder.perceptual import untrained_lpips
from pvdm.benchmark.speed import cost
from pvdm.benchmark.speed.work import counted as operations
from pvdm.diffusion import TriplaneUNet, UNetConfig
from pvdm.evaluation.metrics.reconstruction import frames_at
from pvdm.training.gan.adversary import Adversary, AdversaryConfig

DOCUMENT = Path(__file__).parents[2] / "docs" / "scaling.md"


def test_the_document_holds_the_tables():
    text = DOCUMENT.read_text(encoding="utf-8")
    found = text.partition("<!-- tools/training_cost.py -->")[2].partition("<!-- end -->")[0]
    assert found.strip() == cost.tables(cost.Machine())


def test_the_hours_of_round_numbers():
    machine = cost.parse(["--teraflops", "1000", "--stage2", "0.5", "--bandwidth", "1"])
    assert cost.gpu_hours(3.6e6, 500e12, machine, stage1=False) == pytest.approx(1000)
    training = cost.Training("x", 1, 32, 1, 1, stage2_updates=3600, stage2_clips=1)
    assert cost.stage2_hours(training, machine, 2) == pytest.approx(4 * cost.PARAMETERS / 1e9)  # all wait for the sum
    assert cost.stage2_hours(training, machine, 1) == pytest.approx(3 * cost.DENOISE / 500e12)  # there is none


def test_latents_are_of_all_starts():
    training = cost.Training("x", 10, 20, 1, 1, 1, 1, stride=2)
    assert training.latents == 10 * len(range(0, 20 - 16 + 1, 2))
    config = AutoencoderConfig()
    assert 2 * config.latent_channels * config.latent_shape.positions == cost.LATENT_BYTES


def test_the_operations_are_those_of_the_released_networks():
    with torch.device("meta"), torch.no_grad():
        autoencoder, denoiser = ProjectedAutoencoder(AutoencoderConfig()), TriplaneUNet(UNetConfig())
        planes, encode = counted(autoencoder.encode, torch.empty(1, 3, 16, 256, 256))
        _, decode = counted(autoencoder.decode, planes)
        _, denoise = counted(denoiser, planes.flatten(), torch.zeros(1, dtype=torch.int64))
    assert 0.9 * cost.ENCODE < encode < 1.01 * cost.ENCODE  # fewer if the last layer leaves out what is not read
    assert (decode, denoise) == (pytest.approx(cost.DECODE, rel=0.01), pytest.approx(cost.DENOISE, rel=0.01))
    assert sum(value.numel() for value in denoiser.parameters()) == pytest.approx(cost.PARAMETERS, rel=1e-4)


def test_the_losses_of_stage_1_are_counted():
    with torch.device("meta"):
        perceptual, adversary = untrained_lpips().to("meta"), Adversary(AdversaryConfig(), 16)
        perceptual.requires_grad_(False)
        wanted, last_layer = torch.empty(1, 3, 16, 256, 256), torch.ones(()).requires_grad_()
        chosen = torch.zeros(1, 1, dtype=torch.int64)
        with operations() as work:
            found = wanted * last_layer
            loss = perceptual(frames_at(found, chosen), frames_at(wanted, chosen)).mean()
            adversary(loss, found, wanted, chosen, last_layer=last_layer, share=1.0)
    assert work.flops == pytest.approx(cost.LOSSES, rel=0.01)


def counted(function, *arguments) -> tuple[Any, int]:
    """What it gives, and its operations."""
    with FlopCounterMode(display=False) as counter:
        result = function(*arguments)
    return result, counter.get_total_flops()
