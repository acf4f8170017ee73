"""The clock counts the CPU seconds of the start and of updates, adds up starts, and ends a training in time."""

import json
import time

import pytest
import torch
from pytorch_lightning import LightningModule, Trainer
from torch.utils.data import DataLoader

from pvdm.errors import InputError
from pvdm.training.callbacks.compute_clock import ComputeClock

STARTUP, UPDATE = 0.12, 0.05


def burn(seconds: float) -> None:
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


class Burning(LightningModule):
    """Takes known CPU seconds for its start and for each update; fails at update `fails_at`."""

    fails_at = None

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1))

    def setup(self, stage: str) -> None:
        burn(STARTUP)
        time.sleep(0.3)  # costs no CPU

    def training_step(self, batch: torch.Tensor, index: int) -> torch.Tensor:
        burn(UPDATE)
        if index == self.fails_at:
            raise KeyError("stopped")
        self.log("train/loss", self.weight.square().sum())
        return self.weight.square().sum()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), 0.1)


def run(clock: ComputeClock, updates: int, module: LightningModule) -> dict:
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    trainer = Trainer(
        accelerator="cpu", devices=1, max_steps=updates, callbacks=[clock], enable_model_summary=False, **quiet
    )
    trainer.fit(module, DataLoader(torch.zeros(1000, 1), batch_size=1))
    return json.loads(clock.file.read_text())


def test_seconds_of_the_start_and_of_updates(tmp_path):
    file = tmp_path / "clock.json"
    found = run(ComputeClock(file), 6, Burning())
    assert found["updates"] == 6
    assert STARTUP <= found["startup"] < STARTUP + 0.2 and UPDATE <= found["update"] < UPDATE + 0.05
    assert STARTUP + 6 * UPDATE <= found["seconds"] < STARTUP + 6 * UPDATE + 0.5
    updates, seconds, losses = map(list, zip(*found["curve"], strict=True))
    assert updates == [1, 2, 3, 4, 5, 6] and seconds == sorted(seconds)
    assert losses == pytest.approx([0.8**n for n in range(0, 12, 2)])
    again = run(ComputeClock(file), 2, Burning())
    assert again["curve"][:6] == found["curve"] and [point[0] for point in again["curve"][6:]] == [7, 8]
    assert again["updates"] == 8 and again["seconds"] >= found["seconds"] + STARTUP + 2 * UPDATE


def test_a_loss_that_is_not_finite_is_null(tmp_path):
    module = Burning()
    module.weight.data.fill_(torch.inf)
    assert [point[2] for point in run(ComputeClock(tmp_path / "clock.json"), 2, module)["curve"]] == [None, None]


def test_it_ends_a_training_after_so_many_seconds(tmp_path):
    found = run(ComputeClock(tmp_path / "clock.json", stop_after=4.5 * UPDATE), 1000, Burning())
    assert 3 <= found["updates"] <= 5


def test_what_an_interrupted_run_has_cost_counts(tmp_path):
    module = Burning()
    module.fails_at = 3
    with pytest.raises(KeyError, match="stopped"):
        run(ComputeClock(tmp_path / "clock.json"), 9, module)
    assert json.loads((tmp_path / "clock.json").read_text())["updates"] == 3


def test_a_negative_limit_is_refused(tmp_path):
    with pytest.raises(InputError, match="stop_after is -1"):
        ComputeClock(tmp_path / "clock.json", stop_after=-1)
