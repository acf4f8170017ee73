"""The checkpoints of a run: the best and the last."""

from __future__ import annotations

from pathlib import Path

from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.trainer.states import TrainerFn

from pvdm.training import checkpoint_files
from pvdm.training.stopping import Stopped

LAST = Path("checkpoints", checkpoint_files.LAST)
"""Where the newest checkpoint of a run lies, below its folder."""


class RunCheckpoints(ModelCheckpoint):
    """The best model by `monitor`; `last.ckpt` after every validation, when training ends, and upon a signal to stop.

    Lightning's own `save_last` would follow the best: it passes over every validation that did not improve.
    """

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        self.dirpath = self.dirpath or str((Path(trainer.default_root_dir) / LAST).resolve().parent)
        self._newest = 0
        if stage == "fit" and trainer.is_global_zero:
            checkpoint_files.remove_leftovers(Path(self.dirpath))
        super().setup(trainer, pl_module, stage)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        super().on_validation_end(trainer, pl_module)
        if trainer.state.fn == TrainerFn.FITTING and not trainer.sanity_checking:
            self._save_newest(trainer)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        super().on_train_end(trainer, pl_module)
        self._save_newest(trainer)

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """A signal keeps what was trained."""
        super().on_exception(trainer, pl_module, exception)
        if isinstance(exception, Stopped) and exception.between_batches:
            self._save_newest(trainer)

    def _save_newest(self, trainer: Trainer) -> None:
        if not trainer.fast_dev_run and trainer.global_step != self._newest:
            self._newest = trainer.global_step
            trainer.save_checkpoint(Path(trainer.default_root_dir) / LAST, weights_only=False)
