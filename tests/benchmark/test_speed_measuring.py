"""A piece of code runs as often as asked for, and the median is taken."""

import contextlib
import time

import pytest
import torch
from generation.small_models import small_generator

from pvdm.benchmark.speed import measuring
from pvdm.benchmark.speed.measuring import Measured, Peak, ceiling, measure, measured
from pvdm.benchmark.speed.speed_command import machine
from pvdm.benchmark.speed.speed_options import KINDS, Repeats, SpeedOptions
from pvdm.runtime.energy.meter import Energy

CPU = torch.device("cpu")


def test_seconds_and_memory_of_a_block():
    with measured(CPU) as small:
        time.sleep(0.05)
    with measured(CPU) as large:
        torch.ones(1 << 26).sum()  # 256 MiB
    assert 0.05 <= small.seconds < 5
    assert large.memory - small.memory > 200 << 20


def test_a_run_is_counted_once_warmed_up_and_timed():
    runs, matrix = [], torch.rand(4, 4)
    found = measure(lambda: runs.append(matrix @ matrix), CPU, Repeats(count=3, warm_up=1))
    assert len(runs) == 1 + 1 + 3 and len(found.seconds) == 3
    assert found.flops == 2 * 4**3, "of one run"
    assert found.peak > 1 << 20


def test_a_run_beyond_the_limit_is_not_repeated():
    assert len(measure(lambda: None, CPU, Repeats(count=5, limit=0.0)).seconds) == 1


def test_what_is_counted_happens_in_its_context_and_what_is_timed_does_not():
    inside, seen = [], []

    @contextlib.contextmanager
    def counting():
        inside.append(True)
        yield
        inside.clear()

    measure(lambda: seen.append(bool(inside)), CPU, Repeats(count=2), counting=counting)
    assert seen == [True, False, False]


def test_an_error_in_a_run_leaves_nothing_counting():
    found = Measured()
    context, error = next(found.contexts(CPU, Repeats())), ZeroDivisionError
    with pytest.raises(error), context:
        raise error
    assert torch.rand(2, 2) @ torch.rand(2, 2) is not None and found.flops == 0


def test_the_median_and_a_mixture():
    few = Measured([3.0, 1.0, 2.0], peak=5, energy=Energy(cpu=30), flops=100)
    many = Measured([20.0, 40.0, 30.0], peak=9, energy=Energy(cpu=90), flops=200)
    assert few.median == 2.0
    mixed = few.mixed(many, 0.3)
    assert mixed.median == pytest.approx(0.7 * 2.0 + 0.3 * 30.0)
    assert (mixed.peak, mixed.flops) == (9, 130) and mixed.energy.cpu == pytest.approx(0.7 * 30 + 0.3 * 90)
    shorter = few.mixed(Measured([20.0], peak=None, energy=Energy(cpu=6), flops=0), 0.5)
    assert shorter.seconds == [11.5], "as many as both have"
    assert shorter.energy.cpu == pytest.approx(0.5 * 10 + 0.5 * 6)


def test_a_ceiling_is_what_was_measured(monkeypatch):
    @contextlib.contextmanager
    def half_a_second(device):
        yield peak

    peak = Peak()
    peak.seconds = 0.5
    monkeypatch.setattr(measuring, "measured", half_a_second)
    monkeypatch.setitem(measuring.SIDE, "cpu", 10)
    assert ceiling(CPU, torch.float32) == 2 * 10**3 / 0.5


@pytest.mark.parametrize(
    ("given", "first", "second"),
    [(None, False, False), ((), True, True), (("mlp", "across"), ["mlp"], ["across"]), (("mlp",), ["mlp"], [])],
)
def test_each_stage_takes_its_kinds_of_checkpointing(given, first, second):
    options = SpeedOptions(CPU, activation_checkpointing=given)
    assert (options.checkpointing(1), options.checkpointing(2)) == (first, second)


def test_kinds_are_those_of_the_networks():
    generator = small_generator()
    assert set(generator.autoencoder.recomputable()) == set(KINDS[1])
    assert set(generator.denoiser.recomputable()) == set(KINDS[2])


def test_the_machine_says_what_it_is():
    found = machine(CPU)
    assert found["threads"] == torch.get_num_threads() and found["device"] == "cpu"
    assert all(isinstance(found[name], str) for name in ("processor", "instructions"))
