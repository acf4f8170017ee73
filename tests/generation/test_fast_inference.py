"""The faster layers compute what the plain ones do, leave their input alone, and step aside where gradients count."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from generation.small_models import UNET, randomized, small_autoencoder, small_generator
from reference import normal, video
from torch import nn
from torch.nn import functional

from pvdm.autoencoder import ProjectedAutoencoder
from pvdm.diffusion import TriplaneUNet, UNetConfig
from pvdm.diffusion.networks.blocks import ResidualBlock
from pvdm.generation.acceleration import fast_inference
from pvdm.generation.acceleration.fast_inference import (
    ChunkedSpaceTimeLayer,
    FewPositionsBlock,
    chunks,
    convolved,
    speed_up,
)


@pytest.mark.parametrize("tokens", [1, 7, 40, 1000])
def test_the_autoencoder_computes_the_same_in_chunks(monkeypatch, tokens):
    plain = randomized(ProjectedAutoencoder(small_autoencoder(frames=3, height=32, width=40)))
    fast = speed_up(copy.deepcopy(plain))
    clip = video(0, 2, 3, 32, 40)
    monkeypatch.setattr(fast_inference, "CPU_TOKENS", tokens)
    with torch.no_grad():
        latent = plain.encode(clip).flatten()
        torch.testing.assert_close(fast.encode(clip).flatten(), latent, rtol=0, atol=2e-6)
        torch.testing.assert_close(fast(clip), plain(clip), rtol=0, atol=5e-6)


def test_a_layer_leaves_its_input_as_it_was(monkeypatch):
    monkeypatch.setattr(fast_inference, "CPU_TOKENS", 7)
    transformer = speed_up(randomized(ProjectedAutoencoder(small_autoencoder()))).encoder
    tokens = torch.randn(2, 8, 4, 4, 32)
    before = tokens.clone()
    with torch.no_grad():
        transformer(tokens)
    torch.testing.assert_close(tokens, before, rtol=0, atol=0)


def test_tokens_in_any_order_in_memory_give_the_same(monkeypatch):
    monkeypatch.setattr(fast_inference, "CPU_TOKENS", 7)
    transformer = speed_up(randomized(ProjectedAutoencoder(small_autoencoder()))).encoder
    tokens = torch.randn(4, 4, 8, 2, 32).permute(3, 2, 0, 1, 4)
    with torch.no_grad():
        found, wanted = transformer(tokens), transformer(tokens.contiguous())
    torch.testing.assert_close(found, wanted, rtol=0, atol=0)


def test_chunks_hold_at_most_so_many_tokens_and_at_least_one_entry(monkeypatch):
    monkeypatch.setattr(fast_inference, "CPU_TOKENS", 12)
    assert [len(part) for part in chunks(torch.zeros(7, 4, 5), 0)] == [3, 3, 1]
    assert [part.shape[1] for part in chunks(torch.zeros(2, 3, 9, 5), 1)] == [1, 1, 1]


@pytest.mark.parametrize("kernel", [1, 3])
def test_few_positions_are_convolved_by_one_product_that_is_the_convolution(kernel, monkeypatch):
    convolution = randomized(nn.Conv2d(240, 10, kernel, padding=kernel // 2)).double()
    few = [torch.randn(2, 240, 8, 8).double(), torch.randn(1, 240, 16, 8).double()]
    many = [*few, torch.randn(1, 240, 1, 1).double()]
    products = []
    monkeypatch.setattr(torch, "addmm", lambda *args, product=torch.addmm: products.append(args) or product(*args))
    for batches in (few, many):
        wanted = [
            functional.conv2d(x, convolution.weight, convolution.bias, padding=kernel // 2).detach() for x in batches
        ]
        with torch.no_grad():
            torch.testing.assert_close(convolved(convolution, batches), wanted, rtol=1e-10, atol=1e-10)
    assert len(products) == 1


def test_blocks_need_no_gradients_to_convolve_by_products(monkeypatch):
    block = speed_up(nn.Sequential(randomized(ResidualBlock(32, 64, 8))))[0]
    inputs = [torch.randn(2, 32, 3, 5)], torch.randn(2, 8), [(3, 5)]
    products = []
    monkeypatch.setattr(torch, "addmm", lambda *args, product=torch.addmm: products.append(args) or product(*args))
    wanted = block(*inputs)
    assert not products
    with torch.no_grad():
        found = block(*inputs)
    assert len(products) == 3  # conv_in, conv_out, skip
    torch.testing.assert_close(found[0], wanted[0].detach(), rtol=1e-4, atol=1e-5)


def test_the_denoiser_computes_the_same():
    sizes = {**vars(UNET), "latent_shape": (3, 5, 6), "channels": 256, "channel_multipliers": (1, 1)}
    plain = randomized(TriplaneUNet(UNetConfig(**sizes)))
    fast = speed_up(copy.deepcopy(plain))
    z, t = normal(1, 1, 4, plain.shape.positions), torch.tensor([30])
    with torch.no_grad():
        found, wanted = fast(z, t), plain(z, t)
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)
    assert not torch.equal(found, wanted)  # some planes were convolved by products


def test_with_gradients_the_plain_layers_run(monkeypatch):
    monkeypatch.setattr(fast_inference, "CPU_TOKENS", 1)
    plain = randomized(ProjectedAutoencoder(small_autoencoder()))
    clip = video(0, 1, 8, 32, 32)
    gradients = []
    for network in (plain, speed_up(copy.deepcopy(plain))):
        network(clip).square().sum().backward()
        gradients.append([parameter.grad for parameter in network.parameters()])
    torch.testing.assert_close(*gradients, rtol=0, atol=0)


def test_a_model_has_the_faster_layers_under_the_same_names_and_can_be_copied():
    generator = small_generator()
    plain = ProjectedAutoencoder(generator.autoencoder.config)
    assert generator.autoencoder.state_dict().keys() == plain.state_dict().keys()
    for model in (generator, copy.deepcopy(generator), pickle.loads(pickle.dumps(generator))):
        assert isinstance(model.autoencoder.decoder.layers[0], ChunkedSpaceTimeLayer)
        assert isinstance(model.denoiser.down[0].blocks[0], FewPositionsBlock)


def test_regions_are_traced_without_breaks():
    torch.compiler.reset()  # forms that other tests compiled count towards the limit
    generator = small_generator()
    clip, z, t = video(0, 1, 8, 32, 32), normal(1, 1, 4, generator.denoiser.shape.positions), torch.tensor([3])
    with torch.no_grad():
        wanted = generator.autoencoder(clip), generator.denoiser(z, t)
        for region in (*generator.autoencoder.regions(), *generator.denoiser.regions()):
            region.compile(backend="eager", fullgraph=True, dynamic=False)
        found = generator.autoencoder(clip), generator.denoiser(z, t)
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)
