"""Sampling on a GPU: CUDA graphs, the thread that samples ahead on a stream of its own, and the command."""

from __future__ import annotations

import threading

import pytest
import torch
from generation.small_models import labelled_generator, small_generator
from torch import Tensor
from torch.testing import assert_close

from pvdm.cli import main
from pvdm.diffusion import Condition, SamplerConfig
from pvdm.generation.acceleration.cuda_graphs import GraphedNetwork
from pvdm.video import probe

pytestmark = pytest.mark.cuda
SAMPLER = SamplerConfig("dpmpp_2m", 3, guidance=1.5)


def latents(generator, seed: int, batch: int = 2) -> Tensor:
    source = torch.Generator().manual_seed(seed)
    return torch.randn(batch, 4, generator.denoiser.shape.positions, generator=source).to(generator.device)


def streamed(generator, frames: int = 40, **options) -> Tensor:
    """Two videos of five clips: (2, 3, t, h, w) uint8."""
    return torch.cat(list(generator.stream(num_frames=frames, videos=[(0, 0), (1, 3)], **options)), dim=2)


@pytest.mark.parametrize("precision", ["32", "bf16"])
@torch.no_grad()
def test_a_graph_computes_what_the_network_does(device, precision):
    generator = labelled_generator().to(device)
    network, graphed = generator.denoiser, GraphedNetwork(generator.denoiser)
    mask, label = torch.tensor([True, False], device=device), torch.tensor([2, 0], device=device)
    with generator.precision(precision):
        for seed in range(3):
            z, t = latents(generator, seed), torch.tensor([seed, 50 * seed], device=device)
            context = latents(generator, 9 + seed)
            kinds = [Condition(), Condition(context), Condition(context, mask), Condition(context, label=label)]
            found = [graphed(z, t, kind) for kind in kinds]
            for kind, result in zip(kinds, found, strict=True):  # compared at the end: none was overwritten
                assert_close(result, network(z, t, kind))
    assert not graphed._has_failed and len(graphed._recordings) == 4


@torch.no_grad()
def test_a_graph_reads_weights_that_change_in_place(device, on_gpu):
    graphed, z = GraphedNetwork(on_gpu.denoiser), latents(on_gpu, 1)
    t = torch.tensor([3, 4], device=device)
    before = graphed(z, t, Condition())
    on_gpu.denoiser.conv_out.bias += 1
    assert_close(graphed(z, t, Condition()), before + 1)
    assert len(graphed._recordings) == 1


def test_a_stream_is_the_same_with_and_without_a_thread_ahead(on_gpu):
    assert on_gpu.overlap is None, "there is one by itself on a GPU"
    ahead = streamed(on_gpu, sampler=SAMPLER)
    on_gpu.overlap = False
    assert torch.equal(ahead, streamed(on_gpu, sampler=SAMPLER))


@pytest.mark.parametrize("precision", ["32", "bf16"])
def test_a_stream_by_graphs_is_that_without(on_gpu, precision):
    with on_gpu.precision(precision):
        wanted = streamed(on_gpu, sampler=SAMPLER)
        on_gpu.accelerate(cuda_graphs=True)
        first, second = (streamed(on_gpu, sampler=SAMPLER) for _ in range(2))  # another thread, and so another stream
    assert torch.equal(first, second)
    assert (first.int() - wanted.int()).abs().max() <= 1
    assert not on_gpu._graphed._has_failed and len(on_gpu._graphed._recordings) == 2


def test_a_stream_is_that_of_a_cpu(on_gpu):
    wanted = streamed(small_generator(), frames=16, sampler=SAMPLER)
    assert (streamed(on_gpu, frames=16, sampler=SAMPLER).int() - wanted.int()).abs().max() <= 2


def test_a_context_on_the_cpu_is_continued(on_gpu):
    video = torch.randint(256, (3, 8, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    found = on_gpu.extend(video, num_frames=24, sampler=SAMPLER)
    assert found.shape == (3, 24, 32, 32) and torch.equal(found[:, :8], video)


def test_a_stream_that_is_left_early_leaves_no_thread(on_gpu):
    stream = on_gpu.stream(sampler=SAMPLER)
    next(stream)
    stream.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("prefetch")]


def test_the_command_samples_in_bfloat16_by_graphs(device, tmp_path, caplog):
    small_generator().save_pretrained(tmp_path / "model")
    places = [str(tmp_path / "model"), "--output", str(tmp_path / "clips")]
    options = ["--num-videos", "3", "--steps", "4", "--batch-size", "2", "--device", device.type, "--precision", "bf16"]
    assert main(["sample", *places, *options]) == 0
    files = sorted((tmp_path / "clips").glob("*.mp4"))
    assert [probe(file).frames for file in files] == [8, 8, 8]
    assert "CUDA graphs cannot be used" not in caplog.text
