"""Means over the samples of a whole epoch and of all processes, of which some samples may have no value."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from pytorch_lightning.strategies import Strategy
from torch import Tensor


class Means:
    """A sum and a count for each name; every process must have the same names, but may add nothing to some.

    Not `self.log` with a batch size: that of a batch without values would be 0, and the mean of none NaN.
    """

    def __init__(self, names: Sequence[str], device: torch.device) -> None:
        self.names = tuple(names)
        self._totals = torch.zeros(len(self.names), 2, device=device)

    def add(self, name: str, values: Tensor) -> None:
        """Counts in the values (n,) of n samples, which may be none."""
        self._totals[self.names.index(name)] += torch.stack((values.sum(), values.new_tensor(len(values))))

    def of_all_ranks(self, strategy: Strategy) -> dict[str, Tensor]:
        """The mean of each name that any process has a value of; all processes must call it."""
        totals = strategy.reduce(self._totals.clone(), reduce_op="sum")
        return {name: total / count for name, (total, count) in zip(self.names, totals, strict=True) if count > 0}
