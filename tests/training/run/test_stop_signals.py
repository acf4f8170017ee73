"""Processes agree on the batch at which they stop, and do not wait for each other to do so."""

import time

import torch
from evaluation.forked import forked

from pvdm.training.run.stop_signals import Agreement

CPU = torch.device("cpu")


def test_all_learn_of_a_number_at_the_same_call():
    def calls(shared):
        agreement = Agreement(CPU)
        given = {0: [0, 0, 0, 0, 0, 2], 1: [0, 0, 15, 15, 0, 0], 2: [0, 0, 10, 0, 0, 0]}[shared.rank]
        return [agreement(number) for number in given]

    assert forked(calls, size=3) == [[0, 0, 0, 15, 15, 15]] * 3


def test_none_waits_for_another_that_is_in_the_same_batch():
    """The third call needs no more of the slow process than its second."""

    def slowest(shared):
        agreement, took = Agreement(CPU), []
        for _ in range(3):
            if shared.rank == 1:
                time.sleep(0.5)
            begin = time.monotonic()
            agreement(0)
            took.append(time.monotonic() - begin)
        agreement.end()
        return took[0]

    first, _ = forked(slowest)
    assert first < 0.25


def test_without_gloo_the_run_s_own_group_serves(monkeypatch):
    def refused(**_):
        raise RuntimeError("gloo knows no such interface")

    def calls(shared):
        monkeypatch.setattr("torch.distributed.new_group", refused)
        agreement = Agreement(CPU)
        return [agreement(number) for number in (0, 10 * shared.rank, 0)]

    assert forked(calls) == [[0, 0, 10]] * 2
