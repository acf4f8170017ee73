"""How fast training is and how much memory it takes."""

from __future__ import annotations

import time
from collections import deque
from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.utilities.types import STEP_OUTPUT

from pvdm.training.sample_rng import content

GIB = 2**30


class Throughput(Callback):
    """Logs `train/clips_per_second`, of all processes, and on CUDA `train/peak_memory_gib`, the main process's.

    The rate is that of the batches since the log was last written, by wall time, waiting for data included. The
    time of validation, and of the batch after it or at the start, in which caches and workers warm up, is left out.
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
        """The batch that ends next is not timed: what goes on until then is validation and the writing of files."""
        self._ends.clear()
