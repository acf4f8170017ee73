"""The networks on a GPU: as on a CPU in float32, near it in TF32 and bfloat16, and what they hold."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from generation.small_models import AUTOENCODER, randomized, small_generator
from torch import Tensor
from torch.testing import assert_close

from pvdm.autoencoder import ProjectedAutoencoder
from pvdm.benchmark.speed.flops import counted
from pvdm.benchmark.speed.measuring import measured
from pvdm.diffusion import Condition
from pvdm.errors import no_memory
from pvdm.runtime.attention_launches import MAX_SEQUENCES, attend
from pvdm.runtime.precision import allow_tf32
from pvdm.runtime.recomputation import set_activation_checkpointing

pytestmark = pytest.mark.cuda
MIB = 1 << 20


def outputs(generator, device) -> dict[str, Tensor]:
    """What each network makes of inputs that are the same on every device, on the CPU."""
    source = torch.Generator().manual_seed(1)
    video = (torch.rand(2, 3, 8, 32, 32, generator=source) * 2 - 1).to(device)
    z, context = (torch.randn(2, 4, generator.denoiser.shape.positions, generator=source).to(device) for _ in range(2))
    t, mask = torch.tensor([3, 150], device=device), torch.tensor([True, False], device=device)
    with torch.no_grad():
        planes = generator.autoencoder.encode(video)
        found = {
            "encode": planes.flatten(),
            "decode": generator.autoencoder.decode(planes),
            "denoise": generator.denoiser(z, t, Condition(context, mask)),
        }
    return {name: value.float().cpu() for name, value in found.items()}


def distance(found: Tensor, wanted: Tensor) -> float:
    """Relative, root mean square."""
    return ((found - wanted).square().mean() / wanted.square().mean()).sqrt().item()


def test_float32_is_that_of_a_cpu(device, on_gpu):
    wanted = outputs(small_generator(), "cpu")
    for name, found in outputs(on_gpu, device).items():
        assert_close(found, wanted[name], rtol=1e-3, atol=1e-4, msg=lambda text, name=name: f"{name}: {text}")


def test_tf32_is_on_and_near(device, on_gpu):
    matrix = torch.randn(512, 512, generator=torch.Generator().manual_seed(0))
    wanted, exact = outputs(small_generator(), "cpu"), matrix @ matrix
    assert distance((matrix.to(device) @ matrix.to(device)).cpu(), exact) < 1e-5
    allow_tf32(device)
    assert 1e-5 < distance((matrix.to(device) @ matrix.to(device)).cpu(), exact) < 2e-3
    for name, found in outputs(on_gpu, device).items():
        assert distance(found, wanted[name]) < 1e-2, name


def test_bfloat16_is_near_and_the_same_with_weights_in_it(device, on_gpu):
    wanted = outputs(small_generator(), "cpu")
    with on_gpu.precision("bf16"):
        cast = outputs(on_gpu, device)
        stored = outputs(on_gpu.accelerate(bfloat16=True), device)
    for name, found in cast.items():
        assert torch.isfinite(found).all() and distance(found, wanted[name]) < 5e-2, name
        assert torch.equal(found, stored[name]), name


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_attention_of_more_sequences_than_a_launch_takes(device, dtype):
    source = torch.Generator().manual_seed(2)
    q, k, v = (torch.randn(MAX_SEQUENCES + 100, 1, 3, 32, generator=source).to(device, dtype) for _ in range(3))
    q.requires_grad_()
    found = attend(q, k, v)
    found.float().sum().backward()
    last = slice(-50, None)
    wanted = attend(*(part[last].detach().float().cpu() for part in (q, k, v)))
    assert_close(found[last].detach().float().cpu(), wanted, rtol=2e-2, atol=2e-2)
    assert torch.isfinite(q.grad).all()


def test_operations_are_counted_as_on_a_cpu(device, on_gpu):
    def work(generator, device):
        video = torch.rand(1, 3, 8, 32, 32, device=device)
        with counted() as found:
            generator.autoencoder(video).square().mean().backward()
        return found.flops

    assert work(on_gpu, device) == work(small_generator(), "cpu") > 0


def test_seconds_and_memory_are_those_of_the_block(device):
    before = torch.cuda.memory_allocated(device)
    with measured(device) as peak:
        large = torch.zeros(64 * MIB, dtype=torch.uint8, device=device)
        del large
    assert 64 * MIB <= peak.memory - before < 80 * MIB and 0 < peak.seconds < 10
    assert torch.cuda.memory_allocated(device) == before


def test_a_full_memory_is_told(device):
    with pytest.raises(torch.cuda.OutOfMemoryError) as error:
        torch.empty(1 << 50, dtype=torch.uint8, device=device)
    assert no_memory(error.value).startswith("the memory is full; take fewer samples at once")


def test_checkpointing_holds_less_for_the_backward_pass(device):
    config = replace(AUTOENCODER, frames=16, height=64, width=64, channels=64, head_dim=32, depth=2)
    network, sizes = randomized(ProjectedAutoencoder(config)).train().to(device), []
    for parts in (False, ("mlp", "projections"), True):
        set_activation_checkpointing(network, parts)
        before = torch.cuda.memory_allocated(device)
        with torch.autocast("cuda", torch.bfloat16, cache_enabled=False):
            result = network(torch.zeros(2, 3, 16, 64, 64, device=device))
        sizes.append(torch.cuda.memory_allocated(device) - before)
        del result
    assert sizes[0] > sizes[1] > sizes[2] > 0
