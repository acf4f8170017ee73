"""The adversary of few steps: what it judges, what it trains, and how strong its gradient is."""

from __future__ import annotations

import pytest
import torch
from miniature import AUTOENCODER
from reference import normal
from torch import nn

from pvdm.diffusion import Condition, NoiseSchedule, TransformerConfig, UNetConfig, q_sample
from pvdm.diffusion.consistency import noised_further
from pvdm.diffusion.networks.joint_transformer import JointTransformer
from pvdm.diffusion.networks.unet import TriplaneUNet
from pvdm.diffusion.schedule import DiffusionConfig
from pvdm.training.gan.latent_adversary import LatentAdversary, LatentAdversaryConfig, features_of
from pvdm.training.optimization import OptimizerConfig

SHAPE = tuple(AUTOENCODER.latent_shape)


@pytest.fixture
def network():
    torch.manual_seed(0)
    network = JointTransformer(TransformerConfig(2, SHAPE, 16, 2, 2, frame_patch=4)).requires_grad_(False)
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.2)
    return network


def latents(network, seed: int) -> torch.Tensor:
    return normal(seed, 3, network.config.latent_channels, network.shape.positions)


def judged(network, adversary: LatentAdversary, counts: list[bool]) -> torch.Tensor:
    """The gradient of an output of the network, whose own gradient is 2 everywhere."""
    output = latents(network, 1).requires_grad_()
    made = output.detach().requires_grad_()
    t = torch.tensor([500, 100, 10])
    pair = made, latents(network, 2)
    adversary(
        output,
        made,
        2 * made.sum(),
        pair,
        torch.tensor(counts),
        lambda z: features_of(network, z, t, Condition()),
        share=1.0,
    ).backward()
    return output.grad


def test_the_adversarial_gradient_has_the_norm_that_was_chosen(network):
    adversary = LatentAdversary(LatentAdversaryConfig(warmup_steps=0, weight=0.25), network)
    first = judged(network, adversary, [True, True, True])
    assert torch.equal(first, torch.full_like(first, 2.0))  # its weight is 0 at first
    adversary.step()
    second = judged(network, adversary, [True, True, True]) - 2
    ratio = second.norm() / torch.full_like(second, 2.0).norm()
    torch.testing.assert_close(ratio, torch.tensor(0.25), rtol=0.2, atol=0.0)  # the heads have moved once since
    assert all(parameter.grad is None for parameter in network.parameters())


def test_samples_that_do_not_count_are_left_alone(network):
    adversary = LatentAdversary(LatentAdversaryConfig(warmup_steps=0), network)
    judged(network, adversary, [True, False, True])
    adversary.step()
    moved = judged(network, adversary, [True, False, True]) - 2
    assert moved[1].abs().max() == 0 and moved[0].abs().max() > 0 and moved[2].abs().max() > 0


def test_the_heads_learn_to_tell_made_latents_from_real_ones(network):
    adversary = LatentAdversary(LatentAdversaryConfig(optimizer=OptimizerConfig(1e-2, warmup_steps=0)), network)
    losses = []
    for _ in range(40):
        judged(network, adversary, [True, True, True])
        losses.append(float(adversary.step()["discriminator_loss"]))
    assert losses[-1] < 0.5 * losses[0]


def test_a_gradient_that_is_not_finite_leaves_the_heads_as_they_are(network):
    adversary = LatentAdversary(LatentAdversaryConfig(), network)
    judged(network, adversary, [True, True, True])
    next(adversary.heads.parameters()).grad[0] = torch.nan
    before = [value.clone() for value in adversary.heads.parameters()]
    adversary.step()
    assert all(map(torch.equal, before, adversary.heads.parameters()))


def test_a_unet_is_judged_by_its_down_path_and_middle():
    sizes = UNetConfig(2, SHAPE, 32, (1, 1), 1, (1,), 2)
    network = TriplaneUNet(sizes)
    z = torch.zeros(2, 2, network.shape.positions)
    features = features_of(network, z, torch.tensor([3, 4]), Condition())
    assert len(features) == len(network.down) + 1 == len(LatentAdversary(LatentAdversaryConfig(), network).heads)
    assert [each.shape[0] for each in features] == [2] * len(features)
    assert features[0].shape[1] == network.shape.positions


def test_noising_further_is_the_forward_process():
    schedule = NoiseSchedule(DiffusionConfig())
    x, noise, more = normal(1, 200, 4, 50), normal(2, 200, 4, 50), normal(3, 200, 4, 50)
    earlier, later = torch.full((200,), 100), torch.full((200,), 600)
    clean = torch.full((200,), -1)
    torch.testing.assert_close(noised_further(x, clean, later, noise, schedule), q_sample(x, noise, later, schedule))
    torch.testing.assert_close(noised_further(x, later, later, noise, schedule), x)
    twice = noised_further(q_sample(x, noise, earlier, schedule), earlier, later, more, schedule)
    alpha, sigma = schedule.scales(later, x)
    spread = (twice - alpha * x).std()
    torch.testing.assert_close(spread, sigma[0, 0, 0], rtol=0.02, atol=0.0)
