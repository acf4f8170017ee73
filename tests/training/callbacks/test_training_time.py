"""The time of a run adds up over its interruptions, by a clock that the test sets."""

from types import SimpleNamespace

import pytest
import torch
from miniature import Toy, loader, trainer
from pytorch_lightning import Callback

from pvdm.training.callbacks import throughput
from pvdm.training.callbacks.throughput import TrainingTime, training_seconds
from pvdm.training.run.run_result import _training_time


class Clock(Callback):
    """Ten seconds a batch."""

    def __init__(self, monkeypatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(throughput.time, "monotonic", lambda: self.now)

    def on_train_batch_start(self, *_) -> None:
        self.now += 10


def test_an_interruption_is_left_out_and_what_was_before_is_not(tmp_path, monkeypatch):
    clock = Clock(monkeypatch)
    for steps, resume in ((3, None), (5, tmp_path / "run.ckpt")):
        run = trainer(tmp_path, callbacks=[clock, timer := TrainingTime()], max_steps=steps)
        batches = loader(torch.randn(8, 5, 3, generator=torch.Generator().manual_seed(1)))
        run.fit(Toy(), batches, ckpt_path=resume, weights_only=True)
        run.save_checkpoint(tmp_path / "run.ckpt")
        clock.now += 1e6  # until somebody gives the command again
    assert timer.seconds == training_seconds(tmp_path / "run.ckpt") == pytest.approx(50)


@pytest.mark.parametrize(("seconds", "text"), [(40.04, "40 s"), (1930, "32.2 minutes"), (9000, "2.5 hours")])
def test_a_run_says_how_long_it_trained(seconds, text):
    timer = TrainingTime()
    timer.load_state_dict({"seconds": seconds})
    assert _training_time(SimpleNamespace(callbacks=[Callback(), timer])) == f" and {text} of training"


def test_a_checkpoint_of_before_says_nothing(tmp_path):
    torch.save({"callbacks": {"Other": {"seconds": 3}}}, tmp_path / "old.ckpt")
    assert training_seconds(tmp_path / "old.ckpt") is None
