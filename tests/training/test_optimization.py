"""The learning rate over the updates."""

import math

import pytest
import torch
from torch import nn
from torch.optim import Adam, AdamW, RMSprop

from pvdm.errors import InputError
from pvdm.training import OptimizerConfig


def test_it_rises_linearly_to_the_learning_rate_and_stays():
    config = OptimizerConfig(warmup_steps=4)
    assert [config.factor(step) for step in range(6)] == pytest.approx([0.25, 0.5, 0.75, 1, 1, 1])
    assert OptimizerConfig(warmup_steps=0).factor(0) == 1


def test_it_falls_to_zero_along_a_half_cosine():
    config = OptimizerConfig(warmup_steps=0, cosine_steps=8)
    wanted = [(1 + math.cos(math.pi * step / 8)) / 2 for step in range(9)]
    assert [config.factor(step) for step in range(9)] == pytest.approx(wanted)
    assert config.factor(4) == pytest.approx(0.5)
    assert config.factor(20) == 0
    assert OptimizerConfig(warmup_steps=2, cosine_steps=8).factor(0) == pytest.approx(0.5)


@pytest.mark.parametrize(("name", "kind"), [("adamw", AdamW), ("adam", Adam), ("rmsprop", RMSprop)])
def test_the_optimizer_is_the_one_named(name, kind):
    config = OptimizerConfig(name=name, learning_rate=0.1, warmup_steps=0, betas=(0.5, 0.9), weight_decay=0.3)
    found = config.optimizer([parameter := nn.Parameter(torch.tensor([2.0, -3.0]))])
    own = {"alpha": 0.9} if name == "rmsprop" else {"betas": (0.5, 0.9)}
    wanted = kind([expected := parameter.detach().clone().requires_grad_()], lr=0.1, weight_decay=0.3, **own)
    for _ in range(3):
        for optimizer, value in ((found, parameter), (wanted, expected)):
            optimizer.zero_grad()
            value.square().sum().backward()
            optimizer.step()
    assert type(found) is kind
    torch.testing.assert_close(parameter, expected)


def test_rmsprop_is_its_formula():
    optimizer = OptimizerConfig(name="rmsprop", learning_rate=0.1).optimizer([value := nn.Parameter(torch.ones(1))])
    value.grad = torch.tensor([3.0])
    optimizer.step()
    torch.testing.assert_close(value.detach(), torch.tensor([1 - 0.1 * 3 / math.sqrt(0.001 * 9)]), rtol=1e-4, atol=0)


def test_only_adamw_decays_unasked():
    decays = {name: _group(OptimizerConfig(name=name))["weight_decay"] for name in ("adamw", "adam", "rmsprop")}
    assert decays == {"adamw": 0.01, "adam": 0, "rmsprop": 0}
    assert _group(OptimizerConfig(name="adam", weight_decay=0.2))["weight_decay"] == 0.2


def _group(config):
    (group,) = config.optimizer([nn.Parameter(torch.ones(1))]).param_groups
    return group


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"name": "sgd"}, "the optimizer is 'sgd'; choose one of adamw, adam, rmsprop, muon"),
        ({"betas": (0.9, 1.0)}, r"betas are \[0.9, 1.0\]; give two values of at least 0 and below 1"),
        ({"betas": (-0.1, 0.9)}, r"betas are \[-0.1, 0.9\]"),
        ({"betas": (0.9,)}, r"betas are \[0.9\]; give two values"),
        ({"weight_decay": -1.0}, "weight_decay is -1.0"),
    ],
)
def test_values_are_checked(values, message):
    with pytest.raises(InputError, match=message):
        OptimizerConfig(**values)


def test_the_optimizer_has_the_values_given():
    config = OptimizerConfig(learning_rate=0.1, warmup_steps=2, betas=(0.5, 0.9), weight_decay=0.3)
    optimizer = config.optimizer([nn.Parameter(torch.ones(1))])
    schedule = config.schedule(optimizer)
    (group,) = optimizer.param_groups
    assert (group["betas"], group["weight_decay"], group["initial_lr"]) == ((0.5, 0.9), 0.3, 0.1)
    assert group["lr"] == pytest.approx(0.05)
    optimizer.step()
    schedule.step()
    assert group["lr"] == pytest.approx(0.1)


def test_it_is_fused_where_there_is_a_kernel():
    def kernels(name, **options):
        (group,) = OptimizerConfig(name=name).optimizer([nn.Parameter(torch.ones(1))], **options).param_groups
        return {kind for kind in ("fused", "foreach") if group.get(kind)}

    assert kernels("adamw") == kernels("adam") == {"fused"}
    assert kernels("rmsprop") == kernels("adamw", fused=False) == {"foreach"}
