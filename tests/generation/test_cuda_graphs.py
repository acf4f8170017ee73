"""A captured network with a capture that stands for CUDA's: what is copied, what is recorded anew, what is a copy."""

from __future__ import annotations

import copy
import logging

import pytest
import torch
from generation.small_models import labelled_generator, small_generator
from torch import Tensor
from torch.testing import assert_close

from pvdm.diffusion import Condition, SamplerConfig
from pvdm.generation.acceleration.cuda_graphs import GraphedNetwork


class FakeGraphs:
    """Records as CUDA does: the tensors' addresses; replaying computes from what they then hold, into the same one."""

    def __init__(self) -> None:
        self.captures = self.replays = 0

    def __call__(self, function):
        self.captures += 1
        output = function()

        def replay() -> None:
            self.replays += 1
            output.copy_(function())

        return replay, output


@pytest.fixture
def graphs() -> FakeGraphs:
    return FakeGraphs()


def latents(generator, seed: int, batch: int = 2) -> Tensor:
    source = torch.Generator().manual_seed(seed)
    return torch.randn(batch, 4, generator.denoiser.shape.positions, generator=source)


@torch.no_grad()
def test_it_computes_what_the_network_does_from_new_values_each_time(graphs):
    generator = labelled_generator()
    network, graphed = generator.denoiser, GraphedNetwork(generator.denoiser, graphs)
    results = []
    for seed in range(3):
        z, t = latents(generator, seed), torch.tensor([seed, 50 * seed])
        condition = Condition(latents(generator, 9 + seed), label=torch.tensor([seed % 3, 1])).without("label")
        results.append((graphed(z, t, condition), network(z, t, condition)))
    assert (graphs.captures, graphs.replays) == (1, 3)
    for found, wanted in results:  # compared at the end: what was given out is not overwritten
        assert_close(found, wanted)


@torch.no_grad()
def test_it_records_anew_for_another_shape_kind_of_condition_or_precision(graphs):
    generator = small_generator()
    graphed, network = GraphedNetwork(generator.denoiser, graphs), generator.denoiser
    context = latents(generator, 5)
    cases = [
        (latents(generator, 1), Condition()),
        (latents(generator, 2), Condition(context)),
        (latents(generator, 3), Condition(context, torch.tensor([True, False]))),
        (latents(generator, 4, batch=3), Condition()),
    ]
    for _ in range(2):
        for z, condition in cases:
            t = torch.full((len(z),), 7)
            assert_close(graphed(z, t, condition), network(z, t, condition))
    assert (graphs.captures, graphs.replays) == (4, 8)
    with generator.precision("bf16"):
        assert_close(graphed(z, t, condition), network(z, t, condition))
    assert graphs.captures == 5


def test_weights_that_change_in_place_count_and_a_copy_is_of_its_own(graphs):
    generator = small_generator()
    graphed = GraphedNetwork(generator.denoiser, graphs)
    z, t = latents(generator, 1), torch.tensor([3, 4])
    with torch.no_grad():
        before = graphed(z, t, Condition())
        copied = copy.deepcopy(graphed)
        generator.denoiser.conv_out.bias += 1
        assert_close(graphed(z, t, Condition()), before + 1)
        assert_close(copied(z, t, Condition()), before)
    assert graphs.captures == 2 and copied.network is not generator.denoiser


def test_a_stream_is_the_same_bit_by_bit(graphs):
    generator, sampler = small_generator(), SamplerConfig("dpmpp_2m", 3, guidance=1.5)
    wanted = torch.cat(list(generator.stream(num_frames=24, videos=[(0, 0), (1, 3)], sampler=sampler)), dim=2)
    generator._graphed = GraphedNetwork(generator.denoiser, graphs)
    found = torch.cat(list(generator.stream(num_frames=24, videos=[(0, 0), (1, 3)], sampler=sampler)), dim=2)
    assert torch.equal(found, wanted)
    assert graphs.captures == 2  # without a context, and with one


@torch.no_grad()
def test_where_capturing_fails_it_goes_on_without_after_one_warning(caplog):
    def refuse(function):
        raise RuntimeError("CUDA error: operation not permitted when stream is capturing.\nCUDA kernel errors ...")

    generator = small_generator()
    graphed, network = GraphedNetwork(generator.denoiser, refuse), generator.denoiser
    with caplog.at_level(logging.WARNING, logger="pvdm"):
        for batch in (2, 3):
            z, t = latents(generator, 1, batch), torch.zeros(batch, dtype=torch.int64)
            assert_close(graphed(z, t, Condition()), network(z, t, Condition()))
    (message,) = caplog.messages
    assert message.startswith("CUDA graphs cannot be used; sampling without them (CUDA error: operation not per")


def test_on_a_cpu_there_are_none():
    assert small_generator().accelerate(cuda_graphs=True)._graphed is None
