"""Stopping when validation has not improved for long."""

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

    The count travels with the checkpoints. The same command again ends at once, and says so; with a larger
    patience, or none, the run goes on as if it had not stopped. Lightning's own takes its patience from the checkpoint,
    too, so that it cannot be raised.

    Args:
        patience: Validations without improvement after which the run ends; None never ends it.
        monitor: Name of the metric; the one by which the run's best checkpoint is chosen if not given.
        mode: Whether less or more of it is better; needed with another metric than the checkpoint's.
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
        """Takes over what is not given from the run's checkpoints; InputError if they do not say it."""
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
        """A run that had stopped does not begin."""
        if self._has_waited_enough() and not trainer.should_stop:
            trainer.should_stop = True
            self._tell(trainer, "the run has ended early before: ", "; to go on, raise early_stopping.patience")

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.patience is None or trainer.state.fn != TrainerFn.FITTING or trainer.sanity_checking:
            return
        self._count(self._value(trainer))
        if trainer.strategy.reduce_boolean_decision(self._has_waited_enough(), all=False):
            trainer.should_stop = True
            self._tell(trainer, f"training ends early, after {pl_module.updates} updates: ")

    def state_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("monitor", "mode", "best", "waited", "is_over")}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Another metric than the checkpoint's is counted from the beginning."""
        if self.patience is not None and (self.monitor, self.mode) == (state_dict["monitor"], state_dict["mode"]):
            self.best, self.waited, self.is_over = (state_dict[name] for name in ("best", "waited", "is_over"))

    def _value(self, trainer: Trainer) -> float:
        if self.monitor not in trainer.callback_metrics:
            known = ", ".join(sorted(name for name in trainer.callback_metrics if name.startswith("val/")))
            raise InputError(f"there is no metric {self.monitor} to stop by", f"give another, such as {known}")
        return float(trainer.callback_metrics[self.monitor])

    def _count(self, value: float) -> None:
        """Notes the value of one more validation."""
        sign = 1 if self.mode == "max" else -1
        self.is_over = not math.isfinite(value)
        if not self.is_over and (self.best is None or sign * (value - self.best) > self.min_delta):
            self.best, self.waited = value, 0
        else:
            self.waited += 1

    def _has_waited_enough(self) -> bool:
        return self.patience is not None and (self.is_over or self.waited >= self.patience)

    def _tell(self, trainer: Trainer, beginning: str, end: str = "") -> None:
        if not trainer.is_global_zero:
            return
        count = f"{self.waited} validation" + ("s" if self.waited > 1 else "")
        reason = "is not finite" if self.is_over else f"has not improved for {count}"
        best = "" if self.best is None else f" (best: {self.best:.4g})"
        path = getattr(trainer.checkpoint_callback, "best_model_path", "")
        where = f"; the best model is {path}" if path else ""
        logger.info("%s%s %s%s%s%s", beginning, self.monitor, reason, best, where, end)
