"""The joint transformer: its condition, any size, its blocks against formulas, and its place in a model."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from generation.small_models import AUTOENCODER, UNET, randomized
from torch import Tensor

from pvdm.diffusion import (
    Condition,
    DiffusionConfig,
    JointTransformer,
    SamplerConfig,
    TransformerConfig,
    TriplaneUNet,
)
from pvdm.diffusion.networks.joint_transformer import JointAttention, JointBlock
from pvdm.errors import InputError
from pvdm.generation import VideoGenerator
from pvdm.runtime.recomputation import set_activation_checkpointing

T = torch.tensor([3, 300])
TRANSFORMER = TransformerConfig(2, (8, 4, 6, 5), width=32, depth=2, heads=2, frame_patch=4)


def network(shape: tuple[int, ...] = (8, 4, 6, 5), **sizes) -> JointTransformer:
    return randomized(JointTransformer(replace(TRANSFORMER, latent_shape=shape, **sizes)))


def unet(**sizes) -> TriplaneUNet:
    return randomized(TriplaneUNet(replace(UNET, latent_shape=(8, 4, 6), **sizes)))


def latents(net: JointTransformer, seed: int = 0, batch: int = 2) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, net.config.latent_channels, net.shape.positions, generator=generator)


@pytest.mark.parametrize("shape", [(8, 4, 6, 5), (8, 4, 6), (4, 1, 3, 2)])
def test_any_size_trains_every_weight(shape):
    net = network(shape).train()
    z, context = latents(net), latents(net, seed=1)
    found = net(z, T, context)
    assert found.shape == z.shape
    loss = found.square().mean()
    loss.backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad.isfinite().all() and parameter.grad.abs().sum() > 0, name


def test_a_new_network_predicts_nothing_yet():
    net = JointTransformer(TransformerConfig(width=32, depth=1, heads=2))
    assert not net(torch.randn(2, 1, net.shape.positions), T).any()


def test_every_position_depends_on_every_plane():
    net = network()
    z = latents(net, batch=1).requires_grad_()
    net(z, T[:1])[0, 0, 0].backward()
    assert (z.grad != 0).all()


def test_no_condition_is_a_condition_of_zeros_and_masks_are_per_sample():
    net = network(classes=3)
    z, context, label = latents(net), latents(net, seed=1), torch.tensor([2, 1])
    mask = torch.tensor([True, False])
    with torch.no_grad():
        absent = net(z, T)
        torch.testing.assert_close(net(z, T, torch.zeros_like(z)), absent)
        given, labelled = net(z, T, context), net(z, T, Condition(label=label))
        mixed = net(z, T, Condition(context, mask))
        mixed_label = net(z, T, Condition(label=label, label_mask=mask))
    assert min((given - absent).abs().max(), (labelled - absent).abs().max()) > 1e-3
    torch.testing.assert_close(mixed, torch.stack([given[0], absent[1]]), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(mixed_label, torch.stack([labelled[0], absent[1]]), rtol=1e-4, atol=1e-5)


def test_attention_has_normalized_queries_and_keys():
    attention = randomized(JointAttention(8, heads=2)).double()
    x = torch.randn(2, 5, 8, generator=torch.Generator().manual_seed(0)).double()
    q, k, v = (attention.qkv.weight @ x.mT + attention.qkv.bias[:, None]).mT.chunk(3, dim=-1)
    attended = []
    for head in (slice(0, 4), slice(4, 8)):
        unit = [part[..., head] / part[..., head].square().mean(-1, keepdim=True).sqrt() for part in (q, k)]
        scores = (unit[0] * attention.norm_q.weight) @ (unit[1] * attention.norm_k.weight).mT / 2
        attended.append(scores.softmax(-1) @ v[..., head])
    expected = torch.cat(attended, -1) @ attention.out.weight.T + attention.out.bias
    torch.testing.assert_close(attention(x), expected, rtol=1e-6, atol=1e-6)


def test_the_convolution_sees_the_content_plane_alone_in_its_rows_and_columns():
    block = randomized(JointBlock(TransformerConfig(width=4, heads=1, latent_shape=(16, 2, 3))))
    x = torch.randn(1, 6 + 5, 4, generator=torch.Generator().manual_seed(0))
    found = block._convolved(x, (2, 3))
    plane = x[0, :6].view(2, 3, 4).permute(2, 0, 1)[None]
    torch.testing.assert_close(found[0, :6].view(2, 3, 4), (plane + block.convolution(plane))[0].permute(1, 2, 0))
    assert found[0, 6:].equal(x[0, 6:])


@pytest.mark.parametrize("setting", [True, ("attention", "mlp")])
def test_recomputation_changes_no_gradient(setting):
    plain, other = network().train(), network().train()
    set_activation_checkpointing(other, setting)
    z = latents(plain)
    for net in (plain, other):
        net(z, T).square().mean().backward()
    for (name, one), two in zip(plain.named_parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(two.grad, one.grad, msg=name)


def generator() -> VideoGenerator:
    shape, channels = tuple(AUTOENCODER.latent_shape), AUTOENCODER.latent_channels
    sizes = TransformerConfig(channels, shape, width=32, depth=1, heads=2, frame_patch=4, classes=2)
    return randomized(VideoGenerator(AUTOENCODER, sizes, DiffusionConfig(timesteps=50, prediction="v")))


def test_a_model_with_it_is_saved_loaded_and_sampled(tmp_path):
    model = generator()
    model.save_pretrained(tmp_path / "model")
    loaded = VideoGenerator.from_pretrained(tmp_path / "model")
    assert loaded.denoiser.config == model.denoiser.config
    options = {"steps": 2, "labels": 1, "sampler": SamplerConfig(label_guidance=1.0)}
    assert loaded.sample(2, **options).equal(model.sample(2, **options))
    assert model.to_config()["denoiser"]["class"] == "TransformerConfig"


def test_an_unknown_class_of_denoiser_is_named():
    config = generator().to_config()
    config["denoiser"]["class"] = "Mamba"
    with pytest.raises(InputError, match="class is 'Mamba'; this version knows UNetConfig, TransformerConfig"):
        VideoGenerator.from_config(config)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"width": 36}, "width is 36; give a multiple of twice the 4 heads"),
        ({"frame_patch": 3}, "frame_patch is 3; give a divisor of the 16 frames"),
        ({"depth": 0}, "depth is 0; it must be at least 1"),
        ({"classes": 0}, "classes is 0"),
        ({"latent_shape": (4, 4)}, "give frames, rows and columns"),
    ],
)
def test_sizes_are_checked(sizes, message):
    with pytest.raises(ValueError, match=message):
        TransformerConfig(**sizes)


@pytest.mark.parametrize("build", [network, unet])
def test_a_network_is_told_the_level_of_its_context_alone(build):
    net = build(context_levels=True)
    z, context = latents(net), latents(net, seed=1)
    clean, low, high = torch.tensor([-1, -1]), torch.tensor([10, 10]), torch.tensor([800, 800])
    with torch.no_grad():
        of_level = {level: net(z, T, Condition(context, level=level)) for level in (clean, low, high)}
        torch.testing.assert_close(net(z, T, context), of_level[clean])
        absent = net(z, T, Condition(context, torch.tensor([False, False]), level=low))
        torch.testing.assert_close(absent, net(z, T))
    assert (of_level[low] - of_level[high]).abs().max() > 1e-3


@pytest.mark.parametrize(
    ("kind", "sizes"),
    [(JointTransformer, TRANSFORMER), (TriplaneUNet, replace(UNET, latent_shape=(8, 4, 6)))],
)
def test_levels_begin_without_effect(kind, sizes):
    torch.manual_seed(0)
    plain = kind(sizes)
    told = kind(replace(sizes, context_levels=True))
    missing = told.load_state_dict(plain.state_dict(), strict=False).missing_keys
    assert missing and all(name.startswith("embed_level.") for name in missing)
    with torch.no_grad():
        for net in (plain, told):
            for parameter in net.conv_out.parameters() if kind is TriplaneUNet else net.to_planes.parameters():
                parameter.normal_(generator=torch.Generator().manual_seed(1))
        z, context = latents(plain), latents(plain, seed=1)
        torch.testing.assert_close(told(z, T, Condition(context, level=T)), plain(z, T, context), rtol=0, atol=0)


def test_bf16_is_close():
    net = network(classes=3, context_levels=True)
    z, condition = latents(net), Condition(latents(net, seed=1), label=torch.tensor([2, 1]), level=T)
    with torch.no_grad():
        exact = net(z, T, condition)
        with torch.autocast("cpu", torch.bfloat16):
            found = net(z, T, condition)
    assert (found.float() - exact).norm() < 0.03 * exact.norm()
