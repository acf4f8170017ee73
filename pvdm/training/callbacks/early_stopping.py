"""Early stopping by a validation metric."""

from __future__ import annotations

import logging
import math
from typing import Any, Literal

from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.trainer.states import TrainerFn

from pvdm.errors import InputError, check_range

logger = logging.getLogger(__name__)


class EarlyStopping(Callback):
    """Ends a run when its metric has not improved for `patience` validations, or is no longer finite.

    The count is saved in checkpoints. The same command again ends at once and says why; with a larger patience, or
    none, it resumes the run. Lightning's own restores its patience from the checkpoint, so it cannot be raised.

    Args:
        patience: Validations without improvement after which the run ends; None turns it off.
        monitor: Name of the metric; by default the one that chooses the best checkpoint.
        mode: Whether a lower or a higher value is better; required with another metric than the checkpoint's.
        min_delta: Smallest change that counts as an improvement.
    """

    def __init__(
        self,
        patience: int | None = None,
        monitor: str | None = None,
        mode: Literal["min", "max"] | None = None,
        min_delta: float = 0.0,
    ) -> None:
        check_range(1, patience=patience)
        check_range(0, min_delta=min_delta)
        self.patience, self.monitor, self.mode, self.min_delta = patience, monitor, mode, min_delta
        self.best: float | None = None
        self.waited = 0
        self.is_over = False

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Takes missing settings from the checkpoint callback; InputError if it does not have them."""
        chosen = trainer.checkpoint_callback
        if stage != "fit" or self.patience is None:
            return
        if isinstance(chosen, ModelCheckpoint):
            self.monitor = self.monitor or chosen.monitor
            self.mode = self.mode or (chosen.mode if self.monitor == chosen.monitor else None)
        if self.monitor is None:
            raise InputError("early stopping has no metric", "give one as early_stopping.monitor, such as val/loss")
        if self.mode is None:
            raise InputError(f"early stopping by {self.monitor} needs early_stopping.mode", "give min or max")

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Ends a run at once that had stopped before."""
        if self._has_waited_enough() and not trainer.should_stop:
            trainer.should_stop = True
            self._log_end(trainer, "the run ended early before: ", "; to continue, raise early_stopping.patience")

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.patience is None or trainer.state.fn != TrainerFn.FITTING or trainer.sanity_checking:
            return
        self._count(self._value(trainer))
        if trainer.strategy.reduce_boolean_decision(self._has_waited_enough(), all=False):
            trainer.should_stop = True
            self._log_end(trainer, f"training ends early, after {pl_module.updates} updates: ")

    def state_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("monitor", "mode", "best", "waited", "is_over")}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """With another metric than the checkpoint's, the count starts over."""
        if self.patience is not None and (self.monitor, self.mode) == (state_dict["monitor"], state_dict["mode"]):
            self.best, self.waited, self.is_over = (state_dict[name] for name in ("best", "waited", "is_over"))

    def _value(self, trainer: Trainer) -> float:
        if self.monitor not in trainer.callback_metrics:
            known = ", ".join(sorted(name for name in trainer.callback_metrics if name.startswith("val/")))
            raise InputError(f"there is no metric {self.monitor} to stop by", f"give another, such as {known}")
        return float(trainer.callback_metrics[self.monitor])

    def _count(self, value: float) -> None:
        """Counts one more validation."""
        sign = 1 if self.mode == "max" else -1
        self.is_over = not math.isfinite(value)
        if not self.is_over and (self.best is None or sign * (value - self.best) > self.min_delta):
            self.best, self.waited = value, 0
        else:
            self.waited += 1

    def _has_waited_enough(self) -> bool:
        return self.patience is not None and (self.is_over or self.waited >= self.patience)

    def _log_end(self, trainer: Trainer, beginning: str, end: str = "") -> None:
        if not trainer.is_global_zero:
            return
        count = f"{self.waited} validation" + ("s" if self.waited > 1 else "")
        reason = "is not finite" if self.is_over else f"has not improved for {count}"
        best = "" if self.best is None else f" (best: {self.best:.4g})"
        path = getattr(trainer.checkpoint_callback, "best_model_path", "")
        where = f"; the best model is {path}" if path else ""
        logger.info("%s%s %s%s%s%s", beginning, self.monitor, reason, best, where, end)
