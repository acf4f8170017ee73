"""Compiled parts compute the same and keep their names; if compiling fails, one warning says so."""

from __future__ import annotations

import copy

import pytest
import torch
from miniature import autoencoder_training, batch, diffusion_training
from torch import Tensor, distributed, nn
from torch._dynamo.backends.common import aot_autograd
from torch._dynamo.utils import counters
from torch._functorch.compilers import nop
from torch.distributed.device_mesh import init_device_mesh
from torch.nn import functional
from torch.testing import assert_close

from pvdm.diffusion import UNetConfig
from pvdm.diffusion.networks.unet import TriplaneUNet
from pvdm.runtime import compilation
from pvdm.runtime.compilation import VARIANTS, compile_regions
from pvdm.runtime.recomputation import set_activation_checkpointing
from pvdm.training.run.sharding import shard, whole


@pytest.fixture(autouse=True)
def fresh():
    """No test knows what another has compiled."""
    torch._dynamo.reset()
    counters.clear()
    yield
    torch._dynamo.reset()


@pytest.fixture
def quick(monkeypatch) -> list[int]:
    """Traces, and runs what was traced without a compiler; how often each graph has run."""
    runs = []

    def traced(graph, inputs):
        index = len(runs)
        runs.append(0)

        def run(*values):
            runs[index] += 1
            return graph.forward(*values)

        return run

    monkeypatch.setattr(torch._dynamo, "lookup_backend", lambda name: traced)
    return runs


@pytest.fixture
def told(monkeypatch) -> list[str]:
    """What pvdm says; not `caplog`, into which a compiler, too, writes its diary."""
    found = []
    monkeypatch.setattr(compilation.logger, "warning", lambda text, *values: found.append(text % values))
    return found


class Layer(nn.Module):
    """A part."""

    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__()
        self.linear = nn.Linear(channels, out_channels)

    def forward(self, x: Tensor) -> Tensor:
        return functional.gelu(self.linear(x))


class Layers(nn.Module):
    """Repeated parts of one form, and one of another."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.ModuleList([Layer(4, 4), Layer(4, 4), Layer(4, 4), Layer(4, 2)])

    def regions(self) -> list[nn.Module]:
        return list(self.layers)

    def recomputable(self) -> dict[str, list[nn.Module]]:
        return {}

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x)
        return x


def test_parts_of_the_same_form_are_compiled_once(quick):
    network = Layers()
    compile_regions(network)
    with torch.no_grad():
        network(torch.zeros(5, 4))
    assert len(quick) == 2


def gradients(network: nn.Module, loss: Tensor) -> dict[str, Tensor]:
    """Those of all parameters that the loss depends on."""
    loss.backward()
    return {name: value.grad for name, value in network.named_parameters() if value.grad is not None}


def test_stage_1_learns_the_same_and_keeps_its_names(quick, told):
    found = []
    for compiled in (False, True):
        module = autoencoder_training(compile=compiled, activation_checkpointing=True).train()
        network, video = module.generator.autoencoder, batch([0, 1])["video"].float() / 127.5 - 1
        found.append(gradients(network, (network(video) - video).square().mean()))
    assert not counters["graph_break"] and not told  # whole parts, not pieces of them
    assert len(quick) == 4  # space-time layers have one form, and each projection its own
    assert_close(found[1], found[0], rtol=1e-3, atol=1e-6)
    assert not any("_orig_mod" in name for name in module.state_dict())
    count, copied = len(quick), copy.deepcopy(network)
    assert_close(copied(video), module.generator.autoencoder.decode(module.generator.autoencoder.encode(video)))
    assert len(quick) == count  # a copy is not compiled, and the same shapes are compiled once


def test_stage_2_learns_the_same(quick, told, tmp_path):
    found = []
    for compiled in (False, True):
        module = diffusion_training(tmp_path / "first", compile=compiled, activation_checkpointing=True).train()
        network = module.generator.denoiser
        z = torch.linspace(-1, 1, 4 * network.shape.positions).reshape(2, 2, -1)
        found.append(gradients(network, network(z, torch.tensor([1, 90]), z.flip(0)).square().mean()))
    assert not counters["graph_break"] and quick and not told
    assert all(part._compiled_call_impl is None for part in module.generator.autoencoder.regions())
    assert_close(found[1], found[0], rtol=1e-3, atol=1e-6)
    assert torch._dynamo.config.recompile_limit >= VARIANTS


@pytest.fixture
def one_process():
    """A group of this process alone."""
    distributed.init_process_group("gloo", store=distributed.HashStore(), rank=0, world_size=1)
    yield init_device_mesh("cpu", (1,))
    distributed.destroy_process_group()


def test_recomputed_and_divided_parts_are_compiled_whole(quick, told, one_process):
    """In the order of stage 2; what gathers a part stays outside its graph."""
    network, alone, x = Layers(), Layers(), torch.randn(5, 4)
    set_activation_checkpointing(network, True)
    compile_regions(network)
    shard(network, one_process, half=False)
    found = gradients(network, network(x).square().sum())
    assert_close({name: whole(value) for name, value in found.items()}, gradients(alone, alone(x).square().sum()))
    assert sum(quick) == 4 and not counters["graph_break"] and not told


def test_a_compiler_that_fails_is_told_once(monkeypatch, told):
    tried = []

    def broken(graph, inputs):
        tried.append(graph)
        raise RuntimeError("Found Old Card which is too old to be supported by the triton GPU compiler.\nSee there.")

    monkeypatch.setattr(torch._dynamo, "lookup_backend", lambda name: broken)
    network, other, x = Layers(), Layers(), torch.randn(5, 4)
    wanted = network(x)
    compile_regions(network, other)
    for each in (network, other):
        found = each(x)
        assert_close(found, wanted)
        found.sum().backward()
        assert each.layers[0].linear.weight.grad.any()
    assert len(tried) == 1
    (message,) = told
    assert message.startswith("compiling failed; running uncompiled (found Old Card which is too old")
    assert "\n" not in message


def test_all_sizes_of_a_batch_are_compiled(quick):
    """More than the 8 forms that dynamo would stop at; none is compiled again."""
    network, sizes = Layers(), range(2, 14)
    compile_regions(network)
    with torch.no_grad():
        for size in (*sizes, *sizes):
            network(torch.zeros(size, 4))
    assert len(quick) == 2 * len(sizes)
    assert sum(quick) == 2 * len(sizes) * len(network.regions())  # no part has run uncompiled


def test_the_released_stages_may_all_differ_at_five_sizes_of_a_batch():
    """In training, and without gradients."""
    stages = TriplaneUNet(UNetConfig(channels=32)).regions()
    assert 2 * 5 * len(stages) <= VARIANTS


def test_a_compiler_of_the_backward_pass_that_fails_is_told_once(monkeypatch, told):
    """Which AOTAutograd left to itself compiles within the first `backward()`."""
    tried = []

    def broken(graph, inputs):
        tried.append(graph)
        raise RuntimeError("no kernel for the gradient")

    monkeypatch.setattr(torch._dynamo, "lookup_backend", lambda name: aot_autograd(fw_compiler=nop, bw_compiler=broken))
    compiled, network, x = Layers(), Layers(), torch.randn(5, 4)
    compile_regions(compiled)
    found = gradients(compiled, compiled(x).square().sum())
    assert_close(found, gradients(network, network(x).square().sum()))
    assert len(tried) == 1 and told == ["compiling failed; running uncompiled (no kernel for the gradient)"]


def test_without_a_cpp_compiler(monkeypatch, told, tmp_path):
    """As inductor itself finds it; nothing that was compiled before is found again."""
    import torch._inductor.config as inductor

    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(inductor, "compile_threads", 1)
    monkeypatch.setattr(inductor.cpp, "cxx", (str(tmp_path / "nowhere"),))
    network, x = Layers(), torch.randn(5, 4)
    wanted = network(x)
    compile_regions(network)
    with torch.no_grad():
        assert_close(network(x), wanted)
    assert len(told) == 1 and told[0].startswith("compiling failed; running uncompiled")
    assert compilation.BACKEND == "inductor"
