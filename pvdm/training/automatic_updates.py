"""Updates of one network by Lightning's automatic optimization, skipping those that are not finite."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import nn
from torch.nn.utils import clip_grad_value_, clip_grads_with_norm_, get_total_norm
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from pvdm.training.module import GeneratorTraining
from pvdm.training.run.sharding import whole


class AutomaticUpdates(GeneratorTraining):
    """Base of stage 2: clipping and accumulation are options of the Trainer."""

    def __init__(self, max_skipped: int = 20) -> None:
        super().__init__(max_skipped)
        self._is_skipped = False

    @property
    def updates(self) -> int:
        """Updates of the trained network so far."""
        return self.trainer.global_step

    @property
    def is_skipped(self) -> bool:
        """Whether the last update was skipped, since its gradient was not finite."""
        return self._is_skipped

    def configure_optimizers(self) -> dict[str, Any]:
        optimizer = self.optimizer_config.optimizer(self._trained_parameters(), fused=not self._has_scaler)
        schedule = {"scheduler": self.optimizer_config.schedule(optimizer), "interval": "step"}
        return {"optimizer": optimizer, "lr_scheduler": schedule}

    @property
    def _has_scaler(self) -> bool:
        """Whether gradients are scaled, as in half precision (fp16)."""
        return getattr(self.trainer.precision_plugin, "scaler", None) is not None

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        """Logs the update and the norm of its gradient before clipping, or discards a gradient that is not finite.

        Gradients are averaged over all ranks by now. An optimizer does nothing for a parameter without gradient.
        """
        gradients = [value.grad for value in self._trained_parameters() if value.grad is not None]
        self._gradient_norm = get_total_norm(gradients)
        norm = whole(self._gradient_norm)
        means = self.finite_means([norm])
        self._is_skipped = means is None
        if self._is_skipped:
            self.zero_grad()
            return
        self.log("train/loss", means["loss"], prog_bar=True)
        self.log_dict({"train/gradient_norm": norm, "train/learning_rate": optimizer.param_groups[0]["lr"]})

    def optimizer_step(self, epoch: int, batch_idx: int, optimizer: Any, optimizer_closure: Any = None) -> None:
        """Does not count a skipped update."""
        super().optimizer_step(epoch, batch_idx, optimizer, optimizer_closure)
        if self.is_skipped:
            self._uncount_update()

    def lr_scheduler_step(self, scheduler: LRScheduler, metric: Any | None) -> None:
        """Leaves the schedule unchanged if the update was skipped."""
        if not self.is_skipped:
            super().lr_scheduler_step(scheduler, metric)

    def configure_gradient_clipping(
        self,
        optimizer: Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clips by the known norm. Lightning's own refuses a fused AdamW under autocast, even without a scaler."""
        if not gradient_clip_val:
            return
        parameters = self._trained_parameters()
        if gradient_clip_algorithm == "value":
            clip_grad_value_(parameters, gradient_clip_val)
        else:
            clip_grads_with_norm_(parameters, gradient_clip_val, self._gradient_norm)

    def _trained_parameters(self) -> Iterator[nn.Parameter]:
        return self.get_submodule(self.trained).parameters()

    def _uncount_update(self) -> None:
        """Takes back one step in Lightning's count, for which it has no public method."""
        steps = self.trainer.fit_loop.epoch_loop.automatic_optimization.optim_progress.optimizer.step
        for counter in (steps.total, steps.current):
            counter.ready -= 1
            counter.completed -= 1
