"""Multistep consistency, against data of one Gaussian, whose flow is known: x keeps its quantile."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from reference import normal
from torch import Tensor

from pvdm.diffusion import (
    Condition,
    Jump,
    Prediction,
    SamplerConfig,
    TransformerConfig,
    UNetConfig,
    clean_of_step,
    draw_jump,
    jumps,
    moved,
    pseudo_huber,
    sample_consistency,
    time_grid,
)
from pvdm.diffusion.consistency import check_few_steps
from pvdm.diffusion.networks.joint_transformer import JointTransformer
from pvdm.diffusion.networks.unet import TriplaneUNet
from pvdm.errors import ArgumentError

SPREAD = 0.5
"""Standard deviation of the data."""


def spread_at(schedule, time: int) -> float:
    level = schedule.level(time)
    return (level.alpha_bar * SPREAD**2 + level.sigma**2) ** 0.5


@pytest.mark.parametrize("steps", [1, 2, 4, 8])
def test_jumps_lead_down_each_segment_of_the_grid(schedule, steps):
    grid = time_grid(schedule, steps, grid="cubic")
    for start, end, segment in zip(grid[:-1], grid[1:], jumps(schedule, tuple(grid[:-1]), 16), strict=True):
        assert [segment[0].earlier, segment[-1].t] == [end, start]
        assert all(jump.end == end and jump.t > jump.earlier for jump in segment)
        assert all(lower.t == upper.earlier for lower, upper in pairwise(segment))
        assert len(segment) <= 16


def test_one_part_is_the_grid_itself(schedule):
    grid = time_grid(schedule, 4, grid="cubic")
    wanted = [[Jump(start, end, end)] for start, end in pairwise(grid)]
    assert jumps(schedule, tuple(grid[:-1]), 1) == wanted


def test_each_segment_is_drawn_as_often_as_any_other(schedule):
    random = np.random.default_rng(0)
    segments = jumps(schedule, (999, 700, 300, 20), 8)
    drawn = [draw_jump(random, segments) for _ in range(2000)]
    shares = [np.mean([jump.end == end for jump in drawn]) for end in (700, 300, 20, -1)]
    assert np.allclose(shares, 0.25, atol=0.04)


def test_the_clean_latent_of_a_step_is_that_which_leads_there(schedule, batch):
    clean, noise, times = batch
    end = torch.tensor([-1, 0, 100, 250, 421])
    x = moved(Prediction(clean, noise), times, schedule)
    other = Prediction(clean + 1, (x - schedule.scales(times, x)[0] * (clean + 1)) / schedule.scales(times, x)[1])
    reached = moved(other, end, schedule)
    torch.testing.assert_close(clean_of_step(x, times, reached, end, schedule), other.clean, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("steps", [1, 2, 4, 8])
def test_a_network_that_is_consistent_ends_where_the_flow_does(schedule, steps):
    grid = time_grid(schedule, steps, grid="cubic")

    def denoise(x: Tensor, t: Tensor) -> Prediction:
        time = int(t[0])
        end = grid[grid.index(time) + 1]
        reached = x * spread_at(schedule, end) / spread_at(schedule, time)
        clean = clean_of_step(x, t, reached, torch.full_like(t, end), schedule)
        level = schedule.level(time)
        return Prediction(clean, (x - level.alpha * clean) / level.sigma)

    x = normal(3, 4, 1, 8).double()
    found = sample_consistency(denoise, x, schedule=schedule, steps=steps)
    torch.testing.assert_close(found, x * SPREAD / spread_at(schedule, 999))


def test_pseudo_huber_is_a_square_of_small_errors_and_the_error_of_large_ones():
    errors = torch.tensor([1e-4, 10.0])[:, None, None].expand(2, 1, 7)
    small, large = pseudo_huber(errors.double(), 0.1)
    torch.testing.assert_close(small.item(), 1e-8 / 0.2, rtol=1e-4, atol=0)
    torch.testing.assert_close(large.item(), 9.9, rtol=1e-3, atol=0)


def test_a_model_of_few_steps_is_sampled_in_them_unless_told_otherwise():
    assert SamplerConfig().completed(1000, (2, 4)) == SamplerConfig("consistency", 4, grid="cubic")
    assert SamplerConfig(steps=2).completed(1000, (2, 4)) == SamplerConfig("consistency", 2, grid="cubic")
    assert SamplerConfig(steps=20).completed(1000, (2, 4)) == SamplerConfig("unipc", 20, grid="cubic")
    assert SamplerConfig("unipc").completed(1000, (2, 4)) == SamplerConfig("unipc", 20, grid="cubic")
    assert SamplerConfig().completed(1000, (2,), ((900, 30),)) == SamplerConfig("consistency", grid=(900, 30))


@pytest.mark.parametrize(
    ("sampler", "few_steps", "message"),
    [
        (SamplerConfig("consistency", 3), (2, 4), "consistency in 3 steps; choose 2, 4, or another sampler"),
        (SamplerConfig("consistency"), (), "this model was not tuned for any, or another sampler"),
        (SamplerConfig("consistency", 2, grid="karras"), (2, 4), "the grid is karras"),
        (SamplerConfig("consistency", grid=(9, 4)), (2, 4), r"the grid is \(9, 4\)"),
    ],
)
def test_steps_that_a_model_does_not_take_are_refused(sampler, few_steps, message):
    with pytest.raises(ArgumentError, match=message):
        sampler.completed(1000, few_steps)


@pytest.mark.parametrize("counts", [(), (2, 2), (0, 4), (2000,)])
def test_impossible_numbers_of_steps_are_refused(counts):
    with pytest.raises(ArgumentError, match="few_steps is"):
        check_few_steps(counts, 1000)


@pytest.mark.parametrize("network", [JointTransformer, TriplaneUNet])
def test_a_network_is_told_the_steps_from_zero_on(network):
    torch.manual_seed(0)
    if network is JointTransformer:
        model = network(TransformerConfig(2, (4, 2, 2), 16, 1, 2, frame_patch=4, few_steps=(2, 4)))
    else:
        shape = {"latent_channels": 2, "latent_shape": (4, 2, 2), "few_steps": (2, 4)}
        sizes = {"channels": 32, "channel_multipliers": (1,), "blocks_per_level": 1, "attention_factors": (1,)}
        model = network(UNetConfig(**shape, **sizes, heads=2))
    for name, parameter in model.named_parameters():
        if "embed_steps" not in name:
            torch.nn.init.normal_(parameter, std=0.1)
    z, t = normal(1, 3, 2, model.shape.positions), torch.tensor([5, 5, 5])
    plain = model(z, t, None)
    steps = Condition(steps=torch.tensor([0, 2, 4]))
    assert torch.equal(model(z, t, steps), plain)
    torch.nn.init.normal_(model.embed_steps.weight)
    told = model(z, t, steps)
    assert torch.equal(told[0], plain[0]) and not any(torch.allclose(told[i], plain[i]) for i in (1, 2))
    with pytest.raises(ValueError, match=r"3 steps are none of \[2, 4\]"):
        model(z, t, Condition(steps=torch.tensor([0, 3, 4])))


def test_a_network_is_told_the_weight_of_guidance_from_zero_on():
    torch.manual_seed(0)
    sizes = TransformerConfig(2, (4, 2, 2), 16, 1, 2, frame_patch=4)
    model = JointTransformer(replace(sizes, guidance_input="guidance", guidance_most=4.0))
    for name, parameter in model.named_parameters():
        if "embed_guidance" not in name:
            torch.nn.init.normal_(parameter, std=0.1)
    z, t, told = normal(1, 3, 2, model.shape.positions), torch.tensor([5, 5, 5]), torch.tensor([0, 0.5, 4])
    plain = model(z, t, None)
    found = model(z, t, Condition(weight=told))
    assert torch.equal(found, plain)
    found.square().sum().backward()
    assert model.embed_guidance.layer.weight.grad.abs().max() > 0
    torch.nn.init.normal_(model.embed_guidance.layer.weight)
    guided = model(z, t, Condition(weight=told))
    assert torch.equal(guided[0], plain[0]) and not any(torch.allclose(guided[i], plain[i]) for i in (1, 2))
    with pytest.raises(ValueError, match="a weight is given to a network without a guidance_input"):
        JointTransformer(sizes)(z, t, Condition(weight=told))


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"guidance_input": "steps"}, "the input is 'steps'"),
        ({"guidance_input": "label_guidance", "guidance_most": 4.0}, "the network has no classes"),
        ({"guidance_input": "guidance"}, "guidance_most is 0"),
    ],
)
def test_an_impossible_input_is_refused(more, message):
    with pytest.raises(ArgumentError, match=message):
        TransformerConfig(2, (4, 2, 2), 16, 1, 2, frame_patch=4, **more)
