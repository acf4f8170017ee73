"""The learning rate over the updates."""

import math

import pytest
import torch
from torch import nn

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
