"""The output of `pvdm predict`: one video file per clip."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import BasePredictionWriter

from pvdm.video import write_video

logger = logging.getLogger(__name__)


class WriteVideos(BasePredictionWriter):
    """Writes the clips of `predict_step`, {"video": (b, 3, t, h, w) uint8, "names": [...]}, as mp4 files.

    Each has the frame rate given in "fps": [...], or the model's.

    Args:
        output: Folder, by default `predictions` in the run's folder. Files of the same name are replaced.
    """

    def __init__(self, output: Path | None = None) -> None:
        super().__init__(write_interval="batch")
        self.output = output
        self.written = 0

    def on_predict_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.written = 0

    def write_on_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        prediction: dict[str, Any],
        batch_indices: Sequence[int] | None,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int,
    ) -> None:
        rates = prediction.get("fps") or [None] * len(prediction["names"])
        for video, name, rate in zip(prediction["video"], prediction["names"], rates, strict=True):
            known = rate is not None and math.isfinite(rate)
            path = self._folder(trainer) / f"{name}.mp4"
            write_video(path, video, fps=rate if known else pl_module.generator.fps, overwrite=True)
            self.written += 1

    def on_predict_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Logs the folder and the number of videos of all processes."""
        own = torch.tensor(self.written, device=trainer.strategy.root_device)
        written = int(trainer.strategy.reduce(own, reduce_op="sum"))
        if trainer.is_global_zero:
            logger.info("%d video%s in %s", written, "s" * (written != 1), self._folder(trainer))

    def _folder(self, trainer: Trainer) -> Path:
        return self.output or Path(trainer.default_root_dir) / "predictions"
