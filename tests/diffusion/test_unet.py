"""The triplane U-Net: its blocks against formulas, its condition, any size, mixed precision."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from generation.small_models import UNET, randomized
from torch import Tensor

from pvdm.autoencoder import Triplane, TriplaneShape
from pvdm.diffusion import Condition, TriplaneUNet, UNetConfig
from pvdm.diffusion.networks.blocks import (
    Attention,
    GroupNorm32,
    ResidualBlock,
    downsample,
    fold_time,
    timestep_embedding,
    unfold_time,
    upsample,
)

EVEN = [(8, 16, 16), (32, 16, 16), (8, 12, 20), (32, 12, 20)]
"""Latents of 128x128 and 96x160 pixels in patches of 8, of 8 and 32 frames."""
ODD = [(8, 12, 20), (5, 3, 7), (1, 6, 9)]
"""Of three levels: planes of odd sizes at the lowest level, at every level, and of a single frame."""


def network(shape: tuple[int, int, int], **sizes) -> TriplaneUNet:
    config = UNetConfig(**{**vars(UNET), "latent_shape": shape, **sizes})
    return randomized(TriplaneUNet(config))


def latents(unet: TriplaneUNet, batch: int = 2, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, unet.config.latent_channels, unet.shape.positions, generator=generator)


def trains(unet: TriplaneUNet) -> None:
    """One small step lowers the loss, and every weight takes part in it."""
    unet.train()
    z, context, t = latents(unet), latents(unet, seed=1).tanh(), torch.tensor([10, 700])
    found = unet(z, t, context)
    assert found.shape == z.shape
    loss = found.square().mean()
    loss.backward()
    for name, parameter in unet.named_parameters():
        assert parameter.grad.isfinite().all() and parameter.grad.abs().sum() > 0, name
    slope = sum(parameter.grad.square().sum() for parameter in unet.parameters())
    torch.optim.SGD(unet.parameters(), lr=(0.01 * loss / slope).item()).step()
    with torch.no_grad():
        assert unet(z, t, context).square().mean() < loss


@pytest.mark.parametrize("shape", EVEN)
def test_any_size_trains(shape):
    trains(network(shape))


@pytest.mark.parametrize("shape", ODD)
def test_odd_planes_train(shape):
    trains(network(shape, channel_multipliers=(1, 1, 2), attention_factors=(4,), blocks_per_level=2))


@pytest.mark.parametrize("lighter", [{}, {"frame_patch": 4}, {"across_factors": (), "attention_factors": ()}])
@pytest.mark.parametrize("shape", [(8, 4, 6, 5), (8, 4, 6)])
def test_lighter_networks_and_richer_content_train(shape, lighter):
    trains(network(shape, **lighter))


def test_planes_have_first_and_last_convolutions_of_their_own_where_channels_differ():
    plain, rich = network((8, 4, 6)), network((8, 4, 6, 5), frame_patch=2)
    width, channels = plain.config.channels, plain.config.latent_channels
    assert plain.conv_in.weight.shape == (width, 2 * channels, 3, 3)
    sizes = {name: tuple(layer.weight.shape[:2]) for name, layer in rich.conv_in.planes.items()}
    assert sizes == {"hw": (width, 10 * channels), "tw": (width, 4 * channels), "th": (width, 4 * channels)}
    shared = {name for name in plain.state_dict() if not name.startswith(("conv_in.", "conv_out."))}
    assert shared < rich.state_dict().keys()
    assert all(plain.state_dict()[name].shape == rich.state_dict()[name].shape for name in shared)


def test_folding_puts_neighboring_frames_in_one_position():
    tw = torch.arange(2 * 8 * 3).view(1, 2, 8, 3)
    planes = Triplane(torch.zeros(1, 2, 4, 3), tw, tw.flip(-1))
    folded = fold_time(planes, 4)
    assert folded.tw.shape == (1, 8, 2, 3)
    torch.testing.assert_close(folded.tw[0, 4:, 1], tw[0, 1, 4:])  # the second channel's last four frames
    for before, after in zip(planes, unfold_time(folded, 4), strict=True):
        assert after.equal(before)


def test_attention_joins_the_planes_at_the_factors_given_and_at_the_lowest():
    unet = network((8, 8, 8), channel_multipliers=(1, 1, 1), across_factors=(2,))
    joined = [stage.across is not None for stage in unet.regions()]
    down, up = [False, True, True, True, True], [True, True, True, False, False, False]
    assert joined == [*down, True, *up]
    assert len(unet.recomputable()["across"]) == sum(joined)
    free = network((8, 8, 8), channel_multipliers=(1, 1, 1))
    assert all(stage.across is not None for stage in free.regions())


def test_a_patch_of_frames_divides_them():
    with pytest.raises(ValueError, match=r"frame_patch is 3.*divisor of the 8 frames"):
        UNetConfig(latent_shape=(8, 4, 4), frame_patch=3)


def test_planes_shrink_and_grow_through_the_levels():
    unet = network((5, 3, 7), channel_multipliers=(1, 1, 2))
    seen = []
    for stage in (*unet.down, unet.middle, *unet.up):
        stage.register_forward_hook(lambda stage, inputs, planes: seen.append(planes.shape.cube))
    with torch.no_grad():
        unet(latents(unet), torch.tensor([0, 1]))
    levels = [(5, 3, 7), (3, 2, 4), (2, 1, 2)]
    down = [levels[0], levels[1], levels[1], levels[2], levels[2]]
    up = [levels[2], levels[1], levels[1], levels[0], levels[0], levels[0]]
    assert seen == [*down, levels[2], *up]


def test_no_condition_is_a_condition_of_zeros_and_a_mask_is_per_sample():
    unet = network((4, 4, 6))
    z, context, t = latents(unet), latents(unet, seed=1), torch.tensor([3, 30])
    with torch.no_grad():
        given, absent = unet(z, t, context), unet(z, t)
        torch.testing.assert_close(unet(z, t, torch.zeros_like(z)), absent)
        mixed = unet(z, t, Condition(context, torch.tensor([True, False])))
    assert (given - absent).abs().max() > 0.01
    torch.testing.assert_close(mixed, torch.stack([given[0], absent[1]]), rtol=1e-4, atol=1e-5)


def test_a_sample_without_label_is_that_of_a_network_without_classes():
    unet, plain = network((4, 4, 6), classes=3), network((4, 4, 6))
    assert unet.state_dict().keys() - plain.state_dict().keys() == {"embed_label.weight"}
    assert unet.embed_label.weight.shape == (3, 4 * 32)
    plain.load_state_dict({name: value for name, value in unet.state_dict().items() if name != "embed_label.weight"})
    z, context, t = latents(unet), latents(unet, seed=1), torch.tensor([3, 30])
    label = torch.tensor([2, 1])
    with torch.no_grad():
        labelled, unlabelled = unet(z, t, Condition(context, label=label)), plain(z, t, context)
        torch.testing.assert_close(unet(z, t, context), unlabelled, rtol=0, atol=0)
        mixed = unet(z, t, Condition(context, label=label, label_mask=torch.tensor([True, False])))
        other = unet(z, t, Condition(context, label=label.flip(0)))
    assert (labelled - unlabelled).abs().amax((1, 2)).min() > 1e-3
    assert (labelled - other).abs().amax((1, 2)).min() > 1e-3
    torch.testing.assert_close(mixed, torch.stack([labelled[0], unlabelled[1]]), rtol=1e-4, atol=1e-5)


def test_the_label_is_added_to_the_embedding_of_the_time():
    unet = network((2, 3, 4), classes=3)
    z, seen = latents(unet), []
    for stage in unet.down:
        stage.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[1]))
    with torch.no_grad():
        unet(z, torch.tensor([3, 30]))
        unet(z, torch.tensor([3, 30]), Condition(label=torch.tensor([2, 0])))
    bare, labelled = seen[0], seen[len(seen) // 2]
    torch.testing.assert_close(labelled - bare, unet.embed_label.weight[[2, 0]], rtol=1e-4, atol=1e-5)


def test_only_classes_that_are_given_learn():
    unet = network((2, 3, 4), classes=4).train()
    condition = Condition(label=torch.tensor([2, 1]), label_mask=torch.tensor([True, False]))
    unet(latents(unet), torch.tensor([10, 700]), condition).square().mean().backward()
    assert unet.embed_label.weight.grad.abs().sum(1).gt(0).tolist() == [False, False, True, False]


def test_labels_begin_as_none():
    unet = TriplaneUNet(UNetConfig(latent_shape=(2, 3, 4), channels=32, channel_multipliers=(1,), heads=4, classes=3))
    assert not unet.embed_label.weight.any()


def test_a_label_that_is_no_class_is_named():
    z, t = torch.zeros(1, 4, 26), torch.tensor([0])
    with pytest.raises(ValueError, match="the label 3 is none of 0 to 2"):
        network((2, 3, 4), classes=3)(z, t, Condition(label=torch.tensor([3])))
    with pytest.raises(ValueError, match="a network without classes"):
        network((2, 3, 4))(z, t, Condition(label=torch.tensor([0])))


@pytest.mark.parametrize("batch", [1, 2])
def test_a_single_value_per_group_is_normed_in_any_batch(batch):
    unet = network((2, 2, 2), channel_multipliers=(1, 1)).train()  # planes of 1x1 and 32 channels below
    z = latents(unet, batch=batch)
    found = unet(z, torch.full((batch,), 7))
    found.square().mean().backward()
    alone = unet(z[:1], torch.tensor([7]))
    torch.testing.assert_close(found[:1], alone, rtol=0, atol=2e-3)  # 1 / sqrt(eps) = 316 times the rounding
    norm = randomized(GroupNorm32(32))
    bias = norm.bias.detach().expand(batch, -1)[..., None, None]
    torch.testing.assert_close(norm(torch.randn(batch, 32, 1, 1)).detach(), bias, rtol=0, atol=1e-3)


def test_samples_of_a_batch_are_independent():
    unet = network((4, 4, 6))
    z, t = latents(unet, batch=3), torch.tensor([3, 30, 300])
    with torch.no_grad():
        torch.testing.assert_close(unet(z, t)[1:2], unet(z[1:2], t[1:2]), rtol=1e-4, atol=1e-5)


def test_every_position_depends_on_every_plane():
    unet = network((2, 3, 4))
    z = latents(unet, batch=1).requires_grad_()
    unet(z, torch.tensor([5]))[0, 0, 0].backward()
    assert (z.grad != 0).all()


def test_a_new_network_predicts_nothing_yet():
    unet = TriplaneUNet(UNetConfig(latent_shape=(2, 3, 4), channels=32, channel_multipliers=(1,), heads=4))
    with torch.no_grad():
        assert (unet(latents(unet), torch.tensor([0, 9])) == 0).all()


def test_another_length_is_refused():
    unet = network((4, 4, 6))
    with pytest.raises(ValueError, match=r"a flat latent of 24 positions does not hold"):
        unet(torch.zeros(1, 4, 24), torch.tensor([0]))


def test_bf16_is_close():
    unet = network((4, 8, 8))
    z, t = latents(unet), torch.tensor([10, 700])
    with torch.no_grad():
        exact = unet(z, t)
        with torch.autocast("cpu", torch.bfloat16):
            found = unet(z, t)
    assert (found.float() - exact).norm() < 0.03 * exact.norm()


def test_timestep_embedding_has_cosines_first():
    found = timestep_embedding(torch.tensor([0, 7, 999]), 8)
    angles = np.array([0, 7, 999])[:, None] * np.exp(-math.log(10000) * np.arange(4) / 4)
    expected = np.concatenate([np.cos(angles), np.sin(angles)], axis=1)
    assert found.dtype == torch.float32
    assert found[0].tolist() == [1, 1, 1, 1, 0, 0, 0, 0]
    torch.testing.assert_close(found, torch.from_numpy(expected).float(), rtol=0, atol=1e-4)


def test_group_norm_is_computed_in_float32():
    norm = randomized(GroupNorm32(64)).bfloat16()
    x = (100 + torch.randn(2, 64, 3, 5, generator=torch.Generator().manual_seed(0))).bfloat16()
    groups = x.double().reshape(2, 32, -1)
    mean, variance = groups.mean(2, keepdim=True), groups.var(2, keepdim=True, unbiased=False)
    normed = ((groups - mean) / (variance + 1e-5).sqrt()).reshape(x.shape)
    expected = normed * norm.weight.double()[:, None, None] + norm.bias.double()[:, None, None]
    found = norm(x)
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found.double(), expected, rtol=2**-8, atol=1e-3)


@pytest.mark.parametrize(("rows", "columns"), [(4, 6), (5, 6), (4, 7), (5, 7), (1, 3), (1, 1)])
def test_downsample_averages_what_is_there(rows, columns):
    plane = torch.randn(1, 2, rows, columns, generator=torch.Generator().manual_seed(0))
    found = downsample(plane)
    assert found.shape == (1, 2, math.ceil(rows / 2), math.ceil(columns / 2))
    for row, column in np.ndindex(*found.shape[2:]):
        block = plane[..., 2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
        torch.testing.assert_close(found[..., row, column], block.mean(dim=(2, 3)))


@pytest.mark.parametrize("size", [(4, 6), (3, 6), (4, 5), (3, 5)])
def test_upsample_repeats_up_to_the_size(size):
    plane = torch.randn(1, 2, 2, 3)
    found = upsample(plane, size)
    assert found.shape[2:] == size
    for row, column in np.ndindex(*size):
        torch.testing.assert_close(found[..., row, column], plane[..., row // 2, column // 2], rtol=0, atol=0)


def test_upsampling_reaches_the_size_that_was_downsampled():
    for size in np.ndindex(6, 6):
        plane = torch.ones(1, 1, size[0] + 1, size[1] + 1)
        assert upsample(downsample(plane), tuple(plane.shape[2:])).shape == plane.shape


@pytest.mark.parametrize("resample", ["down", "up"])
def test_resampling_blocks_change_the_skip_path_too(resample):
    block = ResidualBlock(32, 32, 8, resample=resample).eval()  # its last convolution is at zero
    plane = torch.randn(1, 32, 4, 6)
    with torch.no_grad():
        (found,) = block([plane], torch.randn(1, 8), [(8, 11)])
    torch.testing.assert_close(found, downsample(plane) if resample == "down" else upsample(plane, (8, 11)))


def test_attention_splits_heads_before_queries_keys_and_values():
    attention = randomized(Attention(64, heads=4)).double()
    x = torch.randn(2, 64, 5, generator=torch.Generator().manual_seed(0)).double()
    qkv = torch.einsum("oc,bcn->bon", attention.qkv.weight, attention.norm(x)) + attention.qkv.bias[:, None]
    attended = []
    for head in qkv.chunk(4, dim=1):
        q, k, v = head.chunk(3, dim=1)
        weights = torch.einsum("bcn,bcm->bnm", q, k).div(4).softmax(dim=2)
        attended.append(torch.einsum("bnm,bcm->bcn", weights, v))
    out = torch.einsum("oc,bcn->bon", attention.out.weight, torch.cat(attended, dim=1)) + attention.out.bias[:, None]
    with torch.no_grad():
        torch.testing.assert_close(attention(x), x + out, rtol=1e-5, atol=1e-5)


def test_attention_across_planes_runs_over_all_their_positions():
    unet = network((2, 3, 4))
    stage = unet.middle
    shape = TriplaneShape(2, 3, 4)
    generator = torch.Generator().manual_seed(0)
    flat = torch.randn(1, 64, shape.positions, generator=generator)
    planes, embedding = Triplane.split(flat, shape), torch.randn(1, 128, generator=generator)
    seen = []
    stage.across.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0].shape))
    with torch.no_grad():
        stage(planes, embedding, shape)
    assert seen == [(1, 64, 3 * 4 + 2 * 4 + 2 * 3)]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"channels": 48},
            "a level of the U-Net has 48 channels; each level must have a multiple of 32 and of the 8 heads",
        ),
        ({"channels": 96, "heads": 5}, "multiple of 32 and of the 5 heads"),
        ({"channel_multipliers": (1, 0)}, "a level of the U-Net has 0 channels"),
        ({"classes": 0}, "classes is 0; give a number of at least 1, or leave it out for no labels"),
        ({"latent_shape": (4, 4)}, r"latent_shape is \(4, 4\); give frames, rows and columns"),
    ],
)
def test_config_is_checked(fields, message):
    with pytest.raises(ValueError, match=message):
        UNetConfig(**fields)


def test_one_content_plane_is_not_mentioned():
    assert UNetConfig(latent_shape=TriplaneShape(4, 4, 6)) == UNetConfig(latent_shape=(4, 4, 6))
    assert UNetConfig(latent_shape=TriplaneShape(4, 4, 6, 2)).latent_shape == (4, 4, 6, 2)


def test_config_takes_the_lists_of_a_file():
    config = UNetConfig(latent_shape=[4, 4, 6], channel_multipliers=[1, 2], attention_factors=[1])
    assert config == UNetConfig(latent_shape=(4, 4, 6), channel_multipliers=(1, 2), attention_factors=(1,))


@pytest.mark.parametrize(
    ("shape", "batches"), [((4, 6, 6), [2, 4]), ((4, 6, 8), [2, 2, 2]), ((6, 6, 6), [6]), ((6, 6, 4), [4, 2])]
)
def test_planes_of_one_size_are_one_batch(shape, batches):
    unet = network(shape)
    seen = []
    unet.down[0].blocks[0].register_forward_pre_hook(lambda _, inputs: seen.extend(map(len, inputs[0])))
    with torch.no_grad():
        unet(latents(unet), torch.tensor([3, 30]))
    assert seen == batches


def test_planes_that_are_to_reach_different_sizes_are_apart():
    unet = network((3, 5, 6))  # 3 rows and 3 columns of patches below, then 5 and 6 again
    with torch.no_grad():
        assert unet(latents(unet), torch.tensor([3, 30])).shape == (2, 4, 5 * 6 + 3 * 6 + 3 * 5)


def test_regions_are_traced_without_breaks():
    torch.compiler.reset()  # forms that other tests compiled count towards the limit
    unet = network((4, 6, 6), channel_multipliers=(1,))
    z, t = latents(unet), torch.tensor([3, 30])
    with torch.no_grad():
        wanted = unet(z, t)
        for region in unet.regions():
            region.compile(backend="eager", fullgraph=True, dynamic=False)
        torch.testing.assert_close(unet(z, t), wanted, rtol=1e-4, atol=1e-5)
