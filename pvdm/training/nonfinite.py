"""Updates whose loss or gradient is not finite: left out and counted, and the end of a run that has nothing else."""

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
"""Key of a checkpoint: what the batches of an update that is begun have added to its means."""


class SkippedUpdates(nn.Module):
    """Counts the updates left out, in all and in a row; the counts are part of a checkpoint.

    Args:
        limit: Updates left out in a row that end the training.
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
                "lower the learning rate, or go on from an earlier checkpoint given as --ckpt_path",
            )
        return False


class FiniteUpdates(LightningModule):
    """Base of both stages: an update that is not finite, in any process, is left out by all, and none is stored.

    A stage adds the measures of each batch to `update_means`, and asks `finite_means` before its weights move.

    Args:
        max_skipped: Updates left out in a row that end the training.
    """

    optional: tuple[str, ...] = ("skipped_updates.",)
    """Prefixes of the names of weights and counters that a checkpoint and a resumed run need not share."""

    def __init__(self, max_skipped: int = 20) -> None:
        super().__init__()
        self.skipped_updates = SkippedUpdates(max_skipped)
        self.update_means = UpdateMeans()

    def finite_means(self, norms: Sequence[Tensor]) -> dict[str, Tensor] | None:
        """Means by name over the batches of an update and all processes, which are forgotten; None to leave it out.

        norms: those of the gradients, scalars that are the same in all processes. InputError after `max_skipped` None.
        """
        means = self.update_means.take()
        passes = self.skipped_updates.passes([*norms, *means.values()])
        self.log("train/skipped_updates", self.skipped_updates.total.float())
        return means if passes else None

    def all_means(self) -> list[UpdateMeans]:
        """Those that a checkpoint stores within an update."""
        return [self.update_means]

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """What is `optional` may be absent in the checkpoint, and may be in it for nothing."""
        super().on_load_checkpoint(checkpoint)
        state, own = checkpoint.get("state_dict", {}), self.state_dict()
        fresh = {name: value for name, value in own.items() if name.startswith(self.optional) and name not in state}
        kept = {name: value for name, value in state.items() if name in own or not name.startswith(self.optional)}
        checkpoint["state_dict"] = {**kept, **fresh}
        for means, saved in zip(self.all_means(), checkpoint.get(MEANS, ()), strict=False):
            means.load_state_dict(saved)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Stores the means of an unfinished update, whose gradients `ExactResume` stores.

        InputError, in all processes, if a weight is not finite: nothing is written then.
        """
        super().on_save_checkpoint(checkpoint)
        name = first_not_finite(checkpoint.get(RAW, {})) or first_not_finite(checkpoint["state_dict"])
        name = self.trainer.strategy.broadcast(name)  # of a model in parts the first process alone has the whole
        if name is not None:
            raise InputError(
                f"{name} is not finite (NaN or infinity) after {self.trainer.global_step} updates, and such a "
                "model is not stored",
                "lower the learning rate, and give the same command again, which goes on from the checkpoint before",
            )
        checkpoint[MEANS] = [means.state_dict() for means in self.all_means()]

    def on_fit_start(self) -> None:
        """The means are read from a checkpoint before the model has its device, and may be saved before a batch."""
        for means in self.all_means():
            means.to(self.device)

    def on_train_start(self) -> None:
        """Means without the gradients of the same batches are of no use."""
        if all(value.grad is None for value in self.parameters()):
            for means in self.all_means():
                means.clear()
