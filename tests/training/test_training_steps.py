"""Steps of one batch happen within the caller's contexts, as many as there are."""

import logging
from contextlib import contextmanager

import pytest
import torch
from training.miniature import Toy

from pvdm.benchmark.speed.training_speed import run_steps
from pvdm.training.module import GeneratorTraining

CPU = torch.device("cpu")


class Log:
    """What happened, in order."""

    def __init__(self):
        self.events = []

    def contexts(self, count):
        for number in range(count):
            self.events.append(f"asked {number}")
            yield self.context(number)

    @contextmanager
    def context(self, number):
        self.events.append(f"in {number}")
        try:
            yield
        except ZeroDivisionError:
            self.events.append(f"error {number}")
            raise
        self.events.append(f"out {number}")


def test_each_step_is_within_its_context_and_the_next_is_asked_for_after_it():
    log, module = Log(), Toy()
    before = module.net.weight.clone()
    run_steps(module, torch.ones(2, 3), log.contexts(3), device=CPU)
    assert log.events == [f"{what} {number}" for number in range(3) for what in ("asked", "in", "out")]
    assert not torch.equal(before, module.net.weight)


def test_a_step_is_an_update_in_the_wanted_precision():
    seen = []

    class Watched(Toy):
        def training_step(self, batch, batch_idx):
            seen.append((batch_idx, self.updates, self.net(batch).dtype))
            return super().training_step(batch, batch_idx)

    run_steps(Watched(), torch.ones(2, 3), Log().contexts(2), device=CPU, precision="bf16")
    assert seen == [(0, 0, torch.bfloat16), (1, 1, torch.bfloat16)]


def test_an_error_leaves_the_context_and_the_loggers_as_they_were():
    class Broken(Toy):
        def training_step(self, batch, batch_idx):
            return 1 / 0

    log, level = Log(), logging.getLogger("pytorch_lightning").level
    with pytest.raises(ZeroDivisionError):
        run_steps(Broken(), torch.ones(2, 3), log.contexts(2), device=CPU)
    assert log.events == ["asked 0", "in 0", "error 0"]
    assert logging.getLogger("pytorch_lightning").level == level


def test_keys_stay_where_python_reads_them_whatever_the_data_are():
    batch = {"latent": torch.ones(2), "key": torch.ones(2, 3), "has_context": torch.ones(2)}
    moved = GeneratorTraining().transfer_batch_to_device(batch, torch.device("meta"), 0)
    assert {name: value.device.type for name, value in moved.items()} == {
        "latent": "meta",
        "key": "cpu",
        "has_context": "cpu",
    }
    assert set(GeneratorTraining().transfer_batch_to_device({"video": torch.ones(2)}, torch.device("meta"), 0)) == {
        "video"
    }
