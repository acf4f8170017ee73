"""Speed, duration and memory of training."""

from __future__ import annotations

import time
from collections import deque
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.utilities.types import STEP_OUTPUT

from pvdm.files.pickles import read_pickle
from pvdm.training.batches.batch import content

GIB = 2**30


class Throughput(Callback):
    """Logs `train/clips_per_second`, of all processes, and on CUDA `train/peak_memory_gib`, the main process's.

    The rate is that of the batches since the last log entry, by wall time, including waiting for data. Validation and
    the first batch after it or after the start, in which caches and workers warm up, are excluded. Lightning's
    ThroughputMonitor includes that batch and logs under other names.
    """

    def __init__(self) -> None:
        self._ends: deque[tuple[float, int]] = deque()  # when each batch of the interval ended, and its clips

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._ends = deque(maxlen=trainer.log_every_n_steps * trainer.accumulate_grad_batches + 1)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: STEP_OUTPUT, batch: Any, batch_idx: int
    ) -> None:
        self._ends.append((time.monotonic(), len(content(batch)) * trainer.world_size))
        if len(self._ends) > 1:
            clips = sum(count for _, count in self._ends) - self._ends[0][1]
            pl_module.log("train/clips_per_second", clips / max(self._ends[-1][0] - self._ends[0][0], 1e-9))
        if pl_module.device.type == "cuda":
            peak = torch.cuda.max_memory_allocated(pl_module.device) / GIB
            pl_module.log("train/peak_memory_gib", peak)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Excludes the next batch, whose time would include validation and the writing of files."""
        self._ends.clear()


class TrainingTime(Callback):
    """Adds up the seconds of training, including validation, over all starts of a run, and saves them in checkpoints.

    Lightning's Timer would do, but a trainer that has one ignores `trainer.max_time`.
    """

    def __init__(self) -> None:
        self._before = 0.0
        self._began: float | None = None

    @property
    def seconds(self) -> float:
        """Seconds of training so far."""
        return self._before + (0.0 if self._began is None else time.monotonic() - self._began)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._began = time.monotonic()

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._before, self._began = self.seconds, None

    def state_dict(self) -> dict[str, Any]:
        return {"seconds": self.seconds}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._before = float(state_dict["seconds"])


def training_seconds(checkpoint: str | Path) -> float | None:
    """Seconds that a run had trained when it wrote the checkpoint; None if an older version wrote it."""
    state = read_pickle(checkpoint).get("callbacks", {}).get(TrainingTime.__qualname__)
    return None if state is None else float(state["seconds"])
