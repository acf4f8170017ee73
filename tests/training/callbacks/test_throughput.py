"""Clips per second: by a clock that the test sets."""

import csv
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from miniature import Toy, loader, trainer
from pytorch_lightning import Callback
from pytorch_lightning.loggers import CSVLogger
from torch import Tensor

from pvdm.training import Throughput
from pvdm.training.callbacks import throughput

CLIPS = 5


class Clips(Toy):
    """Batches are as a data set's."""

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        return super().training_step(batch["video"], batch_idx)

    def on_train_batch_end(self, *_):
        self.log("step", float(self.updates))


class Clock(Callback):
    """Time as it pleases: `seconds` gives that of each batch, validation takes 1000."""

    def __init__(self, monkeypatch, seconds) -> None:
        self.now, self.seconds = 0.0, iter(seconds)
        monkeypatch.setattr(throughput.time, "monotonic", lambda: self.now)

    def on_train_batch_start(self, *_):
        self.now += next(self.seconds)

    def on_validation_epoch_end(self, *_):
        self.now += 500

    def on_validation_end(self, *_):
        self.now += 500


@pytest.fixture
def rates(tmp_path, monkeypatch):
    """`rates(seconds of each batch, every, ...)` -> the rate at each step that is logged."""

    def rates(seconds, every, **options):
        clock, logger = Clock(monkeypatch, seconds), CSVLogger(tmp_path, name="")
        more = {"log_every_n_steps": every, "max_epochs": 1, "limit_val_batches": 0, **options}
        run = trainer(tmp_path, callbacks=[clock, Throughput()], logger=logger, **more)
        videos = torch.randn(len(seconds), CLIPS, 3, generator=torch.Generator().manual_seed(1))
        run.fit(Clips(), loader([{"video": video} for video in videos]), loader(videos[:1]))
        logger.save()
        with Path(logger.experiment.metrics_file_path).open() as file:
            rows = list(csv.DictReader(file))
        name = "train/clips_per_second"
        return {int(row["step"]): float(row[name]) for row in rows if row.get(name)}

    return rates


def test_the_rate_is_of_the_batches_between_two_logs(rates):
    # The first batch, of 100 seconds, only starts the clock.
    assert rates([100, 1, 2, 3, 4, 5], 3) == pytest.approx({3: 2 * CLIPS / 3, 6: 3 * CLIPS / 12})


def test_validation_and_the_batch_after_it_are_left_out(rates):
    found = rates([100, 1, 1, 50, 2, 2, 50, 4, 4], 3, val_check_interval=3, limit_val_batches=1)
    assert found == pytest.approx({3: CLIPS / 1, 6: CLIPS / 2, 9: CLIPS / 4})


def test_a_batch_that_is_left_out_shows_the_rate_before(rates):
    found = rates([100, 1, 1, 50, 2], 1, val_check_interval=3, limit_val_batches=1)
    assert found == pytest.approx({2: CLIPS, 3: CLIPS, 4: CLIPS, 5: CLIPS / 2})


def test_batches_that_are_accumulated_count(rates):
    found = rates([100, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2], 3, accumulate_grad_batches=2)
    assert found == pytest.approx({3: 5 * CLIPS / 5, 6: 6 * CLIPS / 12})


def test_the_clips_of_all_processes_count(rates, monkeypatch):
    monkeypatch.setattr("pytorch_lightning.Trainer.world_size", 8)
    assert rates([100, 1, 1], 3) == pytest.approx({3: 8 * CLIPS})


def test_a_single_batch_has_no_rate(rates):
    assert rates([1], 1) == {}


def test_no_memory_is_logged_without_cuda(tmp_path, rates):
    rates([1, 1], 2)
    assert "memory" not in (tmp_path / "version_0" / "metrics.csv").read_text()


def test_peak_memory_on_cuda(monkeypatch):
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda device: 3 * 2**30 if device.index == 1 else 0)
    logged = {}
    module = SimpleNamespace(device=torch.device("cuda:1"), log=logged.__setitem__)
    Throughput().on_train_batch_end(SimpleNamespace(world_size=1), module, None, {"video": torch.zeros(2)}, 0)
    assert logged == {"train/peak_memory_gib": 3.0}
