"""A run that is interrupted anywhere, or extended, equals an uninterrupted one at every update."""

from __future__ import annotations

import re
from itertools import count
from pathlib import Path

import pytest
import torch
from miniature import Toy, loader, read, trainer
from pytorch_lightning import Callback, LightningDataModule
from runs import assert_same_training

import pvdm
from pvdm.data import EpochSampler
from pvdm.training import AveragedWeights
from pvdm.training.run.checkpoints import RunCheckpoints
from pvdm.training.run.exact_resume import GRADIENTS, ExactResume, batches_done
from pvdm.training.run.resumable_sampler import ResumableSampler, TrainingLoader
from pvdm.training.run.stop_signals import Stopped

BATCH = 2


class Samples:
    """The sample of a key is a function of that key, (3,)."""

    def __getitem__(self, key):
        return torch.randn(3, generator=torch.Generator().manual_seed(100 * key.epoch + key.index))


class Data(LightningDataModule):
    """So many batches in an epoch, and two for validation."""

    def __init__(self, batches: int) -> None:
        super().__init__()
        self.batches = batches

    def train_dataloader(self):
        order = EpochSampler(self.batches * BATCH, seed=1, shuffle=True)
        sampler = ResumableSampler(order, BATCH, lambda: batches_done(self.trainer))
        data = TrainingLoader(Samples(), batch_size=BATCH, sampler=sampler)
        data.trainer = self.trainer
        return data

    def val_dataloader(self):
        return loader(torch.zeros(2, 5, 3))


class Carrying(Toy):
    """Updates by hand after every `accumulate` batches, which an epoch's rest is carried over for, as in stage 1."""

    def __init__(self, accumulate: int) -> None:
        super().__init__()
        self.automatic_optimization, self.accumulate = False, accumulate

    def training_step(self, batch, batch_idx):
        self.manual_backward(super().training_step(batch, batch_idx) / self.accumulate)
        if (self.trainer.fit_loop.total_batch_idx + 1) % self.accumulate == 0:
            self.optimizers().step()
            self.zero_grad()

    def on_validation_model_zero_grad(self) -> None:
        """What is accumulated stays."""


class Trace(Callback):
    """Every update with its epoch and weights, and every validation; stops the run at an event (a batch of either)."""

    def __init__(self, stop_at: int | None) -> None:
        self.updates, self.validations = {}, []
        self._stop_at, self._events = stop_at, count(1)

    def on_between_batches(self, trainer):
        self._event()

    def on_validation_batch_end(self, trainer, *_):
        self._event()

    def on_train_start(self, trainer, pl_module):
        self._last = pl_module.updates

    def on_train_batch_end(self, trainer, pl_module, *_):
        if pl_module.updates != self._last:
            self._last = pl_module.updates
            self.updates[self._last] = (trainer.current_epoch, pl_module.net.weight.tolist())

    def on_validation_end(self, trainer, pl_module):
        done = trainer.fit_loop.total_batch_idx + 1
        self.validations.append((pl_module.updates, done, trainer.current_epoch, pl_module.net.weight.tolist()))

    def _event(self) -> None:
        if next(self._events) == self._stop_at:
            raise Stopped(15, between_batches=True)


def fit(folder: Path, *, batches: int, stop_at: int | None = None, carried: int | None = None, **options) -> Trace:
    """One start of a run of `batches` per epoch, from its last checkpoint if there is one."""
    trace, resume = Trace(stop_at), ExactResume()
    checkpoints = RunCheckpoints(
        filename="best", monitor="val/score", save_on_train_epoch_end=False, enable_version_counter=False
    )
    callbacks = [trace, resume, AveragedWeights(), checkpoints]
    run = trainer(folder, callbacks=callbacks, enable_checkpointing=True, use_distributed_sampler=False, **options)
    last = folder / "checkpoints" / "last.ckpt"
    module = Toy() if carried is None else Carrying(carried)
    try:
        run.fit(module, datamodule=Data(batches), ckpt_path=last if last.is_file() else None, weights_only=True)
    except SystemExit as end:
        assert stop_at and end.code == 143
    return trace


BY_BATCHES = {"check_val_every_n_epoch": None}
RUNS = {
    "validation after every epoch": {"batches": 3, "max_steps": 8},
    "within epochs and updates": {
        "batches": 4, "accumulate_grad_batches": 3, "val_check_interval": 2, "max_steps": 5, **BY_BATCHES,
    },
    "within epochs": {"batches": 5, "val_check_interval": 2, "max_epochs": 2, "max_steps": -1},
    "seldom": {"batches": 3, "check_val_every_n_epoch": 2, "max_epochs": 3, "max_steps": -1},
    "epochs of one batch": {"batches": 1, "check_val_every_n_epoch": 2, "max_steps": 5},
    "never": {"batches": 3, "limit_val_batches": 0, "max_steps": 7},
    "updates across epochs": {"batches": 4, "carried": 3, "max_epochs": 3, "max_steps": -1},
    "across epochs, by steps": {"batches": 2, "carried": 3, "val_check_interval": 3, "max_steps": 4, **BY_BATCHES},
}  # fmt: skip


def assert_parts_equal(parts: list[Trace], straight: Trace) -> None:
    """Each update was made, if repeatedly, alike; each validation was completed once, in the same order."""
    for part in parts:
        assert all(straight.updates[number] == found for number, found in part.updates.items())
    assert {number for part in parts for number in part.updates} == straight.updates.keys()
    assert [found for part in parts for found in part.validations] == straight.validations


@pytest.mark.parametrize("options", RUNS.values(), ids=RUNS)
def test_interrupted_at_any_batch_of_training_or_validation(tmp_path, options):
    straight = fit(tmp_path / "straight", **options)
    last = read(tmp_path / "straight")
    for stop_at in count(2):
        first = fit(tmp_path / f"{stop_at}", stop_at=stop_at, **options)
        second = fit(tmp_path / f"{stop_at}", **options)
        assert_parts_equal([first, second], straight)
        assert_same_training(read(tmp_path / f"{stop_at}"), last)
        if not second.updates and not second.validations:
            break
    assert stop_at > len(straight.updates)


@pytest.mark.parametrize("options", RUNS.values(), ids=RUNS)
def test_interrupted_again_and_again(tmp_path, options, events=7):
    straight = fit(tmp_path / "straight", **options)
    parts = [fit(tmp_path / "parts", stop_at=events, **options)]
    while parts[-1].updates or parts[-1].validations:
        parts.append(fit(tmp_path / "parts", stop_at=events, **options))
        assert len(parts) < 20, "the run does not get on"
    assert len(parts) > 2
    assert_parts_equal(parts, straight)
    assert_same_training(read(tmp_path / "parts"), read(tmp_path / "straight"))


@pytest.mark.parametrize("options", RUNS.values(), ids=RUNS)
def test_ended_early_and_extended(tmp_path, options):
    """By another limit of updates or epochs, wherever that lies."""
    limit = "max_steps" if options["max_steps"] > 0 else "max_epochs"
    straight = fit(tmp_path / "straight", **options)
    for end in range(1, options[limit]):
        first = fit(tmp_path / f"{end}", **{**options, limit: end})
        assert_parts_equal([first, fit(tmp_path / f"{end}", **options)], straight)
        assert_same_training(read(tmp_path / f"{end}"), read(tmp_path / "straight"))


@pytest.mark.parametrize("done", range(2, 8))
def test_checkpoints_of_older_versions_resume_exactly(tmp_path, done):
    """Those rewrote Lightning's counters, and may lie within an update of three batches or before a validation."""
    options = RUNS["within epochs and updates"]
    straight = fit(tmp_path / "straight", **options)
    parts = [fit(tmp_path / "old", stop_at=done + 1 + sum(2 for number in (2, 4, 6) if number <= done), **options)]
    path = tmp_path / "old" / "checkpoints" / "last.ckpt"
    torch.save(as_older_version(read(tmp_path / "old"), options["batches"]), path)
    assert_parts_equal([*parts, fit(tmp_path / "old", **options)], straight)
    assert_same_training(read(tmp_path / "old"), read(tmp_path / "straight"))


def as_older_version(checkpoint: dict, epoch_batches: int) -> dict:
    """What an older version would have written instead."""
    loops, position = checkpoint["loops"]["fit_loop"], checkpoint["position"]
    epochs, rest = divmod(position["batches"], epoch_batches)
    if position["validation_due"] and rest == 0:
        epochs, rest = epochs - 1, epoch_batches
    counts = lambda number: dict.fromkeys(("ready", "started", "processed", "completed"), number)  # noqa: E731
    epoch = {**counts(epochs), "ready": epochs + (rest > 0), "started": epochs + (rest > 0)}
    loops["epoch_progress"] = {"total": epoch, "current": dict(epoch)}
    batches = {"total": counts(position["batches"]), "current": counts(rest), "is_last_batch": rest == epoch_batches}
    loops["epoch_loop.batch_progress"] = batches
    seen = {**counts(int(position["validation_due"])), "processed": 0, "completed": 0}
    validation = {"total": seen, "current": counts(0), "is_last_batch": False}
    loops["epoch_loop.val_loop.batch_progress"] = validation
    return {**checkpoint, "position": {name: position[name] for name in ("order_batches", "validation_due")}}


@pytest.mark.parametrize("batches", [3, 4])
def test_gradients_are_stored_within_an_update_alone(tmp_path, batches):
    class Stops(ExactResume):
        def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
            super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)
            if batch_idx == batches - 1:
                trainer.save_checkpoint(tmp_path / "run.ckpt")
                trainer.should_stop = True

    data, toy = torch.randn(8, 5, 3, generator=torch.Generator().manual_seed(1)), Toy(learning_rate=0.0)
    trainer(tmp_path, callbacks=[Stops()], max_epochs=1, accumulate_grad_batches=2).fit(toy, loader(data))
    found = torch.load(tmp_path / "run.ckpt", weights_only=True).get(GRADIENTS)
    if batches == 4:
        assert found is None
        return
    toy.zero_grad()
    (toy.training_step(data[2], 2) / 2).backward()
    wanted = {name: value.grad[None] for name, value in toy.named_parameters() if value.grad is not None}
    torch.testing.assert_close(found, wanted)


@pytest.mark.parametrize("before, now, resumed", [(6, 3, (4 * 3 // 6, 0)), (3, 6, (4 * 6 // 3 - 6, 1))])
def test_an_epoch_of_another_number_of_batches(tmp_path, caplog, before, now, resumed):
    """The data continue at the same part of the same epoch."""
    caplog.set_level("INFO")
    fit(tmp_path, batches=before, max_steps=4, limit_val_batches=0)
    trace = fit(tmp_path, batches=now, max_steps=7, limit_val_batches=0)
    assert trace.updates.keys() == {5, 6, 7}
    batch, epoch = resumed
    assert f"an epoch had {before} batches and has {now} now; resuming at batch {batch} of epoch {epoch}" in caplog.text
    assert read(tmp_path)["position"]["batches"] == epoch * now + batch + 3


PRIVATE = re.compile(
    r"\b(?:trainer|pl_module|strategy|experiment|[a-z]*_?loop|_connector)\._\w+"  # attributes of Lightning
    r"|\b[a-z]*_?loop\.[\w.]+ [+-]?= \w+"  # its loops' state
    r"|\[\"loops\"\]|\bself\._(?:trainer|data_parallel_size)\b"
)
KNOWN = {
    ("run/exact_resume.py", "loop.epoch_loop.restarting = False"),
    ("run/exact_resume.py", "loop.restarting = False"),
    ("run/exact_resume.py", '["loops"]'),  # of checkpoints of older versions alone
    ("run/sharding.py", "self._data_parallel_size"),  # the number of processes is known after construction
    ("module.py", "self._trainer"),  # there is no public way to ask whether there is a trainer
}


def test_what_is_used_of_lightning_beyond_its_public_names():
    """Each has a comment where it stands that says why."""
    folder = Path(pvdm.__file__).parent / "training"
    texts = {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*.py")}
    assert {(name, use) for name, text in texts.items() for use in PRIVATE.findall(text)} == KNOWN
