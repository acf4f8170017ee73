"""Processes agree on the batch at which they stop, and do not wait for each other to do so."""

import signal
import time

import torch
from evaluation.forked import forked
from miniature import read

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


def test_a_signal_to_one_of_two_processes_stops_both_at_the_same_update(forks, command, make_video, tmp_path):
    make_video("videos/val/1.mp4", frames=12, height=16, width=24)
    more = {"trainer__max_steps": 2000, "trainer__devices": 2, "trainer__strategy": "ddp", "data__batch_size": 1}
    run, last = forks.start(command("fit", "diffusion", **more), processes=2), tmp_path / "run/checkpoints/last.ckpt"
    run.wait_for(lambda _: last.is_file())
    run.kill(signal.SIGTERM, rank=1)
    assert run.wait() == [143, 0], run.output.read_text()
    assert "SIGTERM: saving after the next batch" in run.output.read_text()
    assert read(tmp_path / "run")["pvdm"]["training_step"] < 2000
