"""The reference networks give what the networks give, gradients too, and what the released code gave."""

from __future__ import annotations

import pytest
import torch
from benchmark.reference_networks import reference_decode, reference_denoise, reference_encode
from generation.small_models import UNET, randomized, small_autoencoder
from reference import golden, largest_error, normal, released_state_dict, video
from torch import Tensor, nn

from pvdm.autoencoder import AutoencoderConfig, ProjectedAutoencoder, Triplane
from pvdm.benchmark.speed.flops import counted
from pvdm.benchmark.speed.measured_model import sizes
from pvdm.diffusion import Condition, TriplaneUNet, UNetConfig
from pvdm.generation.released import UNET_RULES, infer_unet, load_released

GOLDEN = golden()
SIZES = [{"frames": 3, "height": 32, "width": 40}, {"frames": 5, "height": 24, "width": 24}]
SHAPES = [(4, 6, 6), (3, 5, 7), (8, 8, 8)]
"""Latents of square and of other video, of even and odd planes, and of three equal ones."""


def autoencoder_of(sizes: dict[str, int]) -> ProjectedAutoencoder:
    return randomized(ProjectedAutoencoder(small_autoencoder(depth=2, projection_depth=2, **sizes)))


def unet_of(shape: tuple[int, int, int]) -> TriplaneUNet:
    sizes = {"channel_multipliers": (1, 2, 2), "attention_factors": (1, 4), "classes": 3}
    return randomized(TriplaneUNet(UNetConfig(**{**vars(UNET), "latent_shape": shape, **sizes})))


def clip(autoencoder: ProjectedAutoencoder, batch: int = 2) -> Tensor:
    config = autoencoder.config
    return video(0, batch, config.frames, config.height, config.width)


def latent(autoencoder: ProjectedAutoencoder, batch: int = 2) -> Triplane:
    config = autoencoder.config
    return Triplane.split(normal(1, batch, config.latent_channels, config.latent_shape.positions), config.latent_shape)


def noisy(unet: TriplaneUNet) -> tuple[Tensor, Tensor, Condition]:
    z, context = (normal(seed, 2, unet.config.latent_channels, unet.shape.positions) for seed in (2, 3))
    label, given = torch.tensor([2, 1]), torch.tensor([True, False])
    return z, torch.tensor([3, 700]), Condition(context, given, label, ~given)


def gradients(network: nn.Module, output: Tensor) -> dict[str, Tensor]:
    """Of a loss that weighs every value of the output differently, by parameter; those that had no part are absent."""
    network.zero_grad()
    (output * normal(4, *output.shape)).sum().backward()
    return {name: parameter.grad for name, parameter in network.named_parameters() if parameter.grad is not None}


@pytest.mark.parametrize("sizes", SIZES)
def test_encoding(sizes):
    autoencoder = autoencoder_of(sizes)
    with torch.no_grad():
        found, wanted = autoencoder.encode(clip(autoencoder)), reference_encode(autoencoder, clip(autoencoder))
    torch.testing.assert_close(found.flatten(), wanted.flatten(), rtol=0, atol=5e-6)


@pytest.mark.parametrize("sizes", SIZES)
def test_decoding(sizes):
    autoencoder = autoencoder_of(sizes)
    with torch.no_grad():
        found, wanted = autoencoder.decode(latent(autoencoder)), reference_decode(autoencoder, latent(autoencoder))
    torch.testing.assert_close(found, wanted, rtol=0, atol=5e-6)


@pytest.mark.parametrize("shape", SHAPES)
def test_denoising(shape):
    unet = unet_of(shape)
    with torch.no_grad():
        torch.testing.assert_close(unet(*noisy(unet)), reference_denoise(unet, *noisy(unet)), rtol=0, atol=2e-5)


@pytest.mark.parametrize("training", [False, True])
def test_gradients_of_the_autoencoder(training):
    autoencoder = autoencoder_of(SIZES[0]).train(training).double()
    video = clip(autoencoder).double()
    found = gradients(autoencoder, autoencoder(video))
    wanted = gradients(autoencoder, reference_decode(autoencoder, reference_encode(autoencoder, video)))
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("shape", SHAPES[:2])
def test_gradients_of_the_denoiser(shape):
    unet = unet_of(shape).train().double()
    z, t, condition = noisy(unet)
    found = gradients(unet, unet(z.double(), t, condition))
    wanted = gradients(unet, reference_denoise(unet, z.double(), t, condition))
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-6)


def test_the_released_denoiser():
    """The first of three samples. The autoencoder's takes minutes; the network's own goldens and the tests above do."""
    weights = released_state_dict("tiny_unet")
    unet = TriplaneUNet(infer_unet(weights, AutoencoderConfig()))
    load_released(unet, weights, UNET_RULES)
    context = normal(3, 3, 4, 2048).tanh()[:1]
    with torch.no_grad():
        found = reference_denoise(unet.eval(), normal(2, 3, 4, 2048)[:1], torch.tensor([0]), context)
    assert largest_error(found, GOLDEN["unet_out_cond"][:1]) < 2e-5


def test_operations_and_parameters_of_the_released_sizes():
    autoencoder, denoiser = sizes("released")
    with torch.device("meta"), torch.no_grad():
        first, second = ProjectedAutoencoder(autoencoder), TriplaneUNet(denoiser)
        with counted() as encode:
            planes = reference_encode(first, torch.empty(1, 3, 16, 256, 256))
        with counted() as decode:
            reference_decode(first, planes)
        with counted() as denoise:
            reference_denoise(second, planes.flatten(), torch.zeros(1, dtype=torch.int64))
    assert [round(work.flops / 1e9) for work in (encode, decode, denoise)] == [1444, 1158, 243]
    millions = [sum(value.numel() for value in network.parameters()) / 1e6 for network in (first, second)]
    assert [round(count, 2) for count in millions] == [62.06, 528.27]
