"""Updates whose loss or gradient is not finite: left out and counted, and the end of a run that has nothing else."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pvdm.errors import InputError, check_range


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
                f"{self.limit} updates in a row had a loss or a gradient that is not finite; lower the learning rate, "
                "or go on from an earlier checkpoint given as --ckpt_path"
            )
        return False
