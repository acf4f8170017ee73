"""The released networks, converted from checkpoints in the authors' format, compute what the authors' code does."""

from __future__ import annotations

import pytest
import torch
from reference import golden, largest_error, normal, released_state_dict, video
from torch import Tensor

from pvdm.autoencoder import Triplane
from pvdm.cli import main
from pvdm.diffusion import (
    DiffusionConfig,
    SamplerConfig,
    VideoNoise,
    diffusion_loss,
    make_denoise,
    posterior,
    q_sample,
    sample,
    to_prediction,
)
from pvdm.generation import VideoGenerator

GOLDEN = golden()
TIMES = torch.tensor([0, 417, 999])


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> VideoGenerator:
    """The reference checkpoints through `pvdm convert` and `from_pretrained`."""
    folder = tmp_path_factory.mktemp("released")
    for name in ("autoencoder", "unet"):
        torch.save(released_state_dict(f"tiny_{name}"), folder / f"{name}.pth")
    files = ["--autoencoder", str(folder / "autoencoder.pth"), "--diffusion", str(folder / "unet.pth")]
    assert main(["convert", *files, "--output", str(folder / "model")]) == 0
    return VideoGenerator.from_pretrained(folder / "model")


@pytest.fixture(scope="module")
def latent(model: VideoGenerator) -> Tensor:
    with torch.no_grad():
        return model.autoencoder.encode(video(0, 1, 16, 256, 256)).flatten()


@pytest.fixture(scope="module")
def noisy() -> Tensor:
    return normal(2, 3, 4, 2048)


@pytest.fixture(scope="module")
def context() -> Tensor:
    return normal(3, 3, 4, 2048).tanh()


def test_encoding(latent):
    assert largest_error(latent, GOLDEN["latent"]) < 2e-5


def test_decoding(model, latent):
    with torch.no_grad():
        found = model.autoencoder.decode(Triplane.split(latent, model.autoencoder.config.latent_shape))
    frames = found.transpose(1, 2).flatten(0, 1)[..., ::16, ::16]
    assert largest_error(frames, GOLDEN["reconstruction_strided"]) < 2e-5


@pytest.mark.parametrize(("name", "given"), [("unet_out_cond", True), ("unet_out_uncond", False)])
def test_unet(model, noisy, context, name, given):
    with torch.no_grad():
        found = model.denoiser(noisy, TIMES, context if given else None)
    assert largest_error(found, GOLDEN[name]) < 2e-5


def test_schedule(model):
    assert model.diffusion == DiffusionConfig(timesteps=1000, linear_start=0.0015, linear_end=0.0195, prediction="eps")
    assert largest_error(model.schedule.alpha_bar, GOLDEN["alphas_cumprod"]) < 1e-7


def test_noising_and_loss(model, context):
    clean, noise = normal(4, 3, 4, 2048).tanh(), normal(5, 3, 4, 2048)
    x = q_sample(clean, noise, TIMES, model.schedule)
    assert largest_error(x, GOLDEN["q_sample"]) < 2e-5
    with torch.no_grad():
        loss = diffusion_loss(model.denoiser(x, TIMES, context), noise).mean()
    assert largest_error(loss, GOLDEN["loss"]) < 2e-5


def test_ancestral_step(model, noisy, context):
    with torch.no_grad():
        output = model.denoiser(noisy, TIMES, context)
    clean = to_prediction(output, noisy, TIMES, model.schedule, "eps").clean.clamp(-1, 1)
    mean, log_variance = posterior(clean, noisy, TIMES, TIMES - 1, model.schedule)
    assert largest_error(mean, GOLDEN["ddpm_mean"]) < 2e-5
    assert largest_error(log_variance, GOLDEN["ddpm_logvar"]) < 2e-5


@pytest.mark.parametrize(
    ("name", "guidance", "tolerance"), [("ddim10_eta0", 0.0, 3e-4), ("ddim10_eta0_w1.5", 1.5, 5e-3)]
)
def test_ddim(model, context, name, guidance, tolerance):
    """The first of three samples: those of a batch do not touch, and ten steps of all of them are long."""
    sampler, first = SamplerConfig("ddim", steps=10, eta=0.0, guidance=guidance), context[:1]
    denoise = make_denoise(model.denoiser, model.schedule, parameterization="eps", condition=first, guidance=guidance)
    with torch.no_grad():
        x, noise = normal(6, 3, 4, 2048)[:1], VideoNoise([(0, 0)])
        found = sample(denoise, x, sampler, schedule=model.schedule, noise=noise)
    assert largest_error(found, GOLDEN[name][:1]) < tolerance
