"""Skips and counts updates whose loss or gradient is not finite, and ends a run after too many in a row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from pytorch_lightning import LightningModule
from torch import Tensor, nn

from pvdm.errors import InputError, check_range
from pvdm.runtime.finite import first_not_finite
from pvdm.training.callbacks.averaging import RAW
from pvdm.training.reductions import UpdateMeans

MEANS = "means"
"""Key of a checkpoint for the means of an unfinished update."""


class SkippedUpdates(nn.Module):
    """Counts the skipped updates, in total and in a row; the counts are saved in checkpoints.

    Args:
        limit: Skipped updates in a row that end the training.
    """

    def __init__(self, limit: int = 20) -> None:
        super().__init__()
        check_range(1, max_skipped=limit)
        self.limit = limit
        self.register_buffer("total", torch.zeros((), dtype=torch.int64))
        self.register_buffer("in_a_row", torch.zeros((), dtype=torch.int64))

    def passes(self, values: list[Tensor]) -> bool:
        """Whether all values, scalars of one update, are finite; InputError after `limit` updates in a row."""
        if bool(torch.stack([value.detach().float() for value in values]).isfinite().all()):
            self.in_a_row.zero_()
            return True
        self.total += 1
        self.in_a_row += 1
        if int(self.in_a_row) >= self.limit:
            raise InputError(
                f"{self.limit} updates in a row had a loss or a gradient that is not finite",
                "lower the learning rate, or resume from an earlier checkpoint given as --ckpt_path",
            )
        return False


class FiniteUpdates(LightningModule):
    """Base of both stages: an update that is not finite in any process is skipped in all; such weights are not saved.

    A stage adds the measures of each batch to `update_means`, and calls `finite_means` before each update.

    Args:
        max_skipped: Skipped updates in a row that end the training.
    """

    optional: tuple[str, ...] = ("skipped_updates.",)
    """Prefixes of the weights and counters that may be in only one of checkpoint and resumed run."""

    def __init__(self, max_skipped: int = 20) -> None:
        super().__init__()
        self.skipped_updates = SkippedUpdates(max_skipped)
        self.update_means = UpdateMeans()

    def finite_means(self, norms: Sequence[Tensor]) -> dict[str, Tensor] | None:
        """Means by name over the batches of an update and all processes; None if the update must be skipped.

        norms: Of the gradients, scalars that are equal in all processes. InputError after `max_skipped` None in a row.
        """
        means = self.update_means.take()
        passes = self.skipped_updates.passes([*norms, *means.values()])
        self.log("train/skipped_updates", self.skipped_updates.total.float())
        return means if passes else None

    def all_means(self) -> list[UpdateMeans]:
        """The means that a checkpoint saves within an update."""
        return [self.update_means]

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Accepts checkpoints that lack `optional` entries, or have some that the model lacks."""
        super().on_load_checkpoint(checkpoint)
        state, own = checkpoint.get("state_dict", {}), self.state_dict()
        fresh = {name: value for name, value in own.items() if name.startswith(self.optional) and name not in state}
        kept = {name: value for name, value in state.items() if name in own or not name.startswith(self.optional)}
        checkpoint["state_dict"] = {**kept, **fresh}
        for means, saved in zip(self.all_means(), checkpoint.get(MEANS, ()), strict=False):
            means.load_state_dict(saved)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Saves the means of an unfinished update; `ExactResume` saves its gradients.

        InputError in all processes if a weight is not finite; nothing is written.
        """
        super().on_save_checkpoint(checkpoint)
        name = first_not_finite(checkpoint.get(RAW, {})) or first_not_finite(checkpoint["state_dict"])
        name = self.trainer.strategy.broadcast(name)  # only the first process has all weights of a sharded model
        if name is not None:
            raise InputError(
                f"{name} is not finite (NaN or infinity) after {self.trainer.global_step} updates, so no "
                "checkpoint is saved",
                "lower the learning rate, and run the same command again to resume from the previous checkpoint",
            )
        checkpoint[MEANS] = [means.state_dict() for means in self.all_means()]

    def on_fit_start(self) -> None:
        """Moves the means to the model's device, which it does not have yet when a checkpoint is loaded."""
        for means in self.all_means():
            means.to(self.device)

    def on_train_start(self) -> None:
        """Discards means whose gradients were not saved."""
        if all(value.grad is None for value in self.parameters()):
            for means in self.all_means():
                means.clear()
