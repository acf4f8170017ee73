"""What `pvdm predict` writes: a video file for each clip."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import BasePredictionWriter

from pvdm.video import write_video


class WriteVideos(BasePredictionWriter):
    """Writes the clips of `predict_step`, {"video": (b, 3, t, h, w) uint8, "names": [...]}, as mp4 files.

    Args:
        output: Folder; `predictions` in the run's folder if not given. Files of the same name are replaced.
    """

    def __init__(self, output: Path | None = None) -> None:
        super().__init__(write_interval="batch")
        self.output = output

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
        folder = self.output or Path(trainer.default_root_dir) / "predictions"
        for video, name in zip(prediction["video"], prediction["names"], strict=True):
            write_video(folder / f"{name}.mp4", video, fps=pl_module.generator.fps, overwrite=True)
