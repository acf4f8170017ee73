"""Watches a GAN phase: keeps its best checkpoint, and ends the training if PSNR drops."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.trainer.states import TrainerFn

from pvdm.errors import check_range
from pvdm.training.run.checkpoints import LAST
from pvdm.training.run.exact_resume import validate

BEST = LAST.with_name("best_gan.ckpt")
"""The best checkpoint of the phase, below the folder of the run."""

logger = logging.getLogger(__name__)


class AdversaryGuard(Callback):
    """Compares the validation PSNR with the last one before the GAN phase; does nothing without discriminators.

    `checkpoints/best_gan.ckpt` is the checkpoint of the phase with the lowest val/lpips (without LPIPS, with
    val/sharpness nearest to 1) whose PSNR has not dropped too far. The state is saved in checkpoints.

    In consistency tuning, val/error takes the place of both: the PSNR is -20 log10 of it, and the best is the lowest.

    Args:
        max_psnr_drop: Largest allowed drop of PSNR in dB; None never ends the training, and allows any checkpoint as
            the best.
        patience: Validations in a row with a larger drop that end the training.
    """

    def __init__(self, max_psnr_drop: float | None = 0.5, patience: int = 3) -> None:
        check_range(0, max_psnr_drop=max_psnr_drop)
        check_range(1, patience=patience)
        self.max_psnr_drop, self.patience = max_psnr_drop, patience
        self.before: float | None = None
        self.recent: list[float] = []
        self.best_score: float | None = None

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not _has_adversary(pl_module) or trainer.fast_dev_run:
            return
        if self.before is None and int(pl_module.adversary.updates) == 0:
            validate(trainer)
        elif self.before is None and self.max_psnr_drop is not None and trainer.is_global_zero:
            logger.warning(
                "the checkpoint does not hold the PSNR before the GAN phase, so a drop of it cannot be detected"
            )
        if self._is_harmed():
            self._end(trainer)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
        is_idle = trainer.state.fn != TrainerFn.FITTING or trainer.sanity_checking or trainer.fast_dev_run
        if is_idle or not hasattr(pl_module, "adversary") or (psnr := _psnr(metrics)) is None:
            return
        if not _has_adversary(pl_module) or int(pl_module.adversary.updates) == 0:
            self.before, self.recent, self.best_score = psnr, [], None
            return
        self.recent = [*self.recent, psnr][-self.patience :]
        score = metrics["val/error"] if "val/error" in metrics else _flaws(metrics)
        if self._is_near(self.recent[-1]) and self._is_best(score):
            self.best_score = score
            trainer.save_checkpoint(Path(trainer.default_root_dir) / BEST, weights_only=False)
        if self._is_harmed():
            self._end(trainer)

    def state_dict(self) -> dict[str, Any]:
        return {"before": self.before, "recent": self.recent, "best_score": self.best_score}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.before, self.recent = state_dict["before"], list(state_dict["recent"])
        self.best_score = state_dict["best_score"]

    def _is_near(self, psnr: float) -> bool:
        """Whether the drop of this PSNR is allowed; never for NaN."""
        return self.max_psnr_drop is None or self.before is None or psnr >= self.before - self.max_psnr_drop

    def _is_best(self, score: float) -> bool:
        """Whether it is the best so far; never for NaN."""
        return not math.isnan(score) and (self.best_score is None or score < self.best_score)

    def _is_harmed(self) -> bool:
        recent = self.recent[-self.patience :]
        return len(recent) == self.patience and not any(map(self._is_near, recent))

    def _end(self, trainer: Trainer) -> None:
        trainer.should_stop = True
        if trainer.is_global_zero:
            kept = BEST if self.best_score is not None else BEST.with_name("best.ckpt")
            logger.warning(
                "the GAN phase ends because PSNR dropped from %.2f to %.2f dB, by more than %g dB in %d "
                "validations in a row; the best model is %s",
                *(self.before, self.recent[-1], self.max_psnr_drop, self.patience),
                Path(trainer.default_root_dir) / kept,
            )


def _has_adversary(pl_module: LightningModule) -> bool:
    return getattr(pl_module, "adversary", None) is not None


def _psnr(metrics: Mapping[str, float]) -> float | None:
    """In dB, of reconstructions, or of latents in few steps; None before there is either."""
    if "val/psnr" in metrics or "val/error" not in metrics:
        return metrics.get("val/psnr")
    error = metrics["val/error"]
    return -20 * math.log10(error) if error > 0 else math.inf if error == 0 else math.nan


def _flaws(metrics: Mapping[str, float]) -> float:
    """Of reconstructions; the lower the better."""
    return metrics.get("val/lpips", abs(1 - metrics["val/sharpness"]))
