"""The validations of a trial as they come: written by its training, read by the search that started it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.trainer.states import TrainerFn

RECORD = "validations.jsonl"
"""Its file in the folder of a trial: a line for each validation."""


class Validation(NamedTuple):
    """A validation: the updates so far, and its metrics by name, finite or not."""

    updates: int
    metrics: dict[str, float]


class WriteValidations(Callback):
    """Appends each validation of a run to the record in a folder; one that was interrupted and repeated is there twice.

    Args:
        folder: The folder of the trial.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / RECORD

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Drops a line that a killed process did not finish."""
        if trainer.is_global_zero and self.path.is_file():
            content = self.path.read_bytes()
            if not content.endswith(b"\n"):
                self.path.write_bytes(content[: content.rfind(b"\n") + 1])

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.state.fn != TrainerFn.FITTING or trainer.sanity_checking or not trainer.is_global_zero:
            return
        line = json.dumps([pl_module.updates, {name: float(value) for name, value in trainer.callback_metrics.items()}])
        with self.path.open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")


class ValidationReader:
    """Reads the record in a folder, from its beginning."""

    def __init__(self, folder: Path) -> None:
        self._path, self._position = folder / RECORD, 0

    def new(self) -> Iterator[Validation]:
        """The validations that are complete by now and were not read before."""
        if not self._path.is_file():
            return
        with self._path.open("rb") as file:
            file.seek(self._position)
            for line in file:
                if not line.endswith(b"\n"):
                    return
                self._position += len(line)
                yield Validation(*json.loads(line))
