"""The progress bar of a run."""

from __future__ import annotations

import math
import sys
from typing import Any

from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import TQDMProgressBar
from pytorch_lightning.callbacks.progress.tqdm_progress import Tqdm
from pytorch_lightning.utilities.types import STEP_OUTPUT


class RunBar(TQDMProgressBar):
    """One bar for all updates of a run, with the remaining time; Lightning's has one for each epoch.

    It starts at the update of a resumed run; its rate is that of the updates since then, including validation.
    """

    def init_train_tqdm(self) -> Tqdm:
        """Sets the total at the start, which Lightning does later."""
        return Tqdm(
            desc=f"Epoch {self.trainer.current_epoch}",
            total=planned_updates(self.trainer),
            initial=self.trainer.lightning_module.updates,
            unit=" updates",
            disable=self.is_disabled,
            dynamic_ncols=True,
            file=sys.stdout,
            smoothing=0,  # the mean rate since the start
            bar_format=self.BAR_FORMAT,
        )

    def on_train_epoch_start(self, trainer: Trainer, *_: Any) -> None:
        self.train_progress_bar.set_description(f"Epoch {trainer.current_epoch}")

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: STEP_OUTPUT, batch: Any, batch_idx: int
    ) -> None:
        bar, updates = self.train_progress_bar, pl_module.updates
        if self.is_enabled and (updates % self.refresh_rate == 0 or updates == bar.total):
            bar.set_postfix(self.get_metrics(trainer, pl_module), refresh=False)
            bar.update(updates - bar.n)


def planned_updates(trainer: Trainer) -> int | None:
    """Updates after which the run ends, by `max_steps` and `max_epochs`; None if neither says."""
    limits = [trainer.max_steps] if trainer.max_steps > 0 else []
    if trainer.max_epochs and trainer.max_epochs > 0 and math.isfinite(trainer.num_training_batches):
        of_epoch = math.ceil(trainer.num_training_batches / trainer.accumulate_grad_batches)  # a remainder is an update
        of_module = getattr(trainer.lightning_module, "accumulate", 1)  # a remainder counts towards the next epoch
        limits.append(trainer.max_epochs * of_epoch // of_module)
    return min(limits, default=None)
