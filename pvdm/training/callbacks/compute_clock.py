"""Counts the computation of a training: CPU seconds of the process and its children, or seconds of a GPU."""

from __future__ import annotations

import json
import math
import os
import time
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.utilities.types import STEP_OUTPUT
from torch import Tensor

from pvdm.errors import check_range
from pvdm.files.atomic_write import replacing

WARM_UP = 2
"""First updates, whose seconds are not those of later ones."""

LOSS, POINTS = "train/loss", 40
"""The logged value of the learning curve, and about how many points the curve of a run has."""


class ComputeClock(Callback):
    """Writes what a run has cost: {"startup", "updates", "update", "seconds", "precision", "curve"}, of all starts.

    `startup` is what the module does before the first update, such as statistics of the data, and excludes imports and
    the search for videos. `update` is the mean of all updates after the first two. Workers that read data count when
    they have ended, so give a run on a CPU none (`data.workers: 0`). `curve` has, at some updates, their number, the
    seconds so far, and the mean of `train/loss` since the point before, null if it is not finite.

    Args:
        file: JSON file, written when training ends or is stopped.
        stop_after: Ends the training after the update in which it has had this many seconds; None for never.
    """

    def __init__(self, file: Path, stop_after: float | None = None) -> None:
        check_range(0, stop_after=stop_after)
        self.file, self.stop_after = Path(file), stop_after
        self._begin = self._ready = self._warm = self._now = 0.0
        self._updates = 0
        self._losses: list[Tensor] = []
        self._curve: list[tuple[int, float, float | None]] = []

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        self._begin = _seconds(trainer)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._ready = self._warm = self._now = _seconds(trainer)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: STEP_OUTPUT, batch: Any, batch_idx: int
    ) -> None:
        self._updates += 1
        self._now = _seconds(trainer)
        if self._updates == WARM_UP:
            self._warm = self._now
        if (loss := trainer.callback_metrics.get(LOSS)) is not None:
            self._losses.append(loss.detach())
        if self._losses and self._updates % max(1, trainer.max_steps // POINTS) == 0:
            mean = float(torch.stack(self._losses).mean())
            self._curve.append((self._updates, self._now - self._begin, mean if math.isfinite(mean) else None))
            self._losses = []
        if self.stop_after is not None and self._now - self._ready >= self.stop_after:
            trainer.should_stop = True

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._write(trainer)

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """A run that is stopped by a signal is resumed, and what it has cost so far counts."""
        self._write(trainer)

    def _write(self, trainer: Trainer) -> None:
        if not trainer.is_global_zero or not self._updates:
            return
        is_warm = self._updates > WARM_UP
        since, counted = (self._warm, self._updates - WARM_UP) if is_warm else (self._ready, self._updates)
        before = json.loads(self.file.read_text()) if self.file.is_file() else {"seconds": 0.0, "updates": 0}
        done, spent = before["updates"], before["seconds"]
        curve = [(done + updates, round(spent + seconds, 2), loss) for updates, seconds, loss in self._curve]
        found = {
            "startup": self._ready - self._begin,
            "updates": done + self._updates,
            "update": (self._now - since) / counted,
            "seconds": spent + _seconds(trainer) - self._begin,
            "precision": str(trainer.precision),
            "curve": [*before.get("curve", ()), *curve],
        }
        with replacing(self.file, overwrite=True) as temporary:
            temporary.write_text(json.dumps(found) + "\n", encoding="utf-8")


def _seconds(trainer: Trainer) -> float:
    """CPU seconds of this process and of its children that have ended, or, on a GPU, seconds until it is done."""
    device = trainer.strategy.root_device
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        return time.perf_counter()
    return time.process_time() + sum(os.times()[2:4])
