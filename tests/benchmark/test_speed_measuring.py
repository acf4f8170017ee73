"""A piece of code runs as often as asked for, and the median is taken."""

import contextlib
import statistics

import pytest
import torch
from generation.small_models import small_generator

from pvdm.benchmark.speed.measuring import Measured, Measurement, measure
from pvdm.benchmark.speed.roofline import Ceiling, OperationCount, ceiling, machine
from pvdm.benchmark.speed.speed_options import KINDS, Repeats, SpeedOptions

CPU = torch.device("cpu")


def test_a_run_is_counted_once_warmed_up_and_timed():
    runs, matrix = [], torch.rand(4, 4)
    found = measure(lambda: runs.append(matrix @ matrix), CPU, Repeats(count=3, warm_up=1))
    assert len(runs) == 1 + 1 + 3 and len(found.seconds) == 3
    assert found.operations.flops == 2 * 4**3, "of one run"
    assert found.peak > 1 << 20 and found.held > 1 << 20


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
    measurement = Measurement(CPU, Repeats())
    context, error = next(measurement.contexts()), ZeroDivisionError
    with pytest.raises(error), context:
        raise error
    assert torch.rand(2, 2) @ torch.rand(2, 2) is not None and measurement.operations is None


def test_the_median_and_a_mixture():
    few = Measured([3.0, 1.0, 2.0], peak=5, held=1, operations=OperationCount(100, 10))
    many = Measured([20.0, 40.0, 30.0], peak=9, held=2, operations=OperationCount(200, 20))
    assert few.median == 2.0
    mixed = few.mixed(many, 0.3)
    assert mixed.median == pytest.approx(0.7 * 2.0 + 0.3 * 30.0)
    assert (mixed.peak, mixed.operations) == (9, OperationCount(130, 13))
    shorter = Measured([20.0], peak=None, held=None, operations=OperationCount())
    assert few.mixed(shorter, 0.5).seconds == [11.5], "as many as both have"


def test_a_ceiling_is_what_was_measured(monkeypatch):
    ran = []

    class Clock:
        memory = None

        def __init__(self):
            self.seconds = statistics.fmean([0.5])

    @contextlib.contextmanager
    def half_a_second(device):
        ran.append(device)
        yield Clock()

    monkeypatch.setattr("pvdm.benchmark.speed.roofline.measured", half_a_second)
    found = ceiling(CPU, torch.float32, side=10, copied=400)
    assert found == Ceiling(2 * 10**3 / 0.5, 2 * 400 / 0.5), "a copy reads and writes"
    assert found.best(Ceiling(1.0, 1e9)) == Ceiling(found.flops_per_second, 1e9)


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
