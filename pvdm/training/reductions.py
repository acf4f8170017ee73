"""Means over the samples of an epoch, the batches of an update, and the processes of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from pytorch_lightning.strategies import Strategy
from torch import Tensor, distributed


class SampleMeans:
    """A sum and a count for each name; all processes need the same names, but may add nothing to some.

    `self.log` does not serve here: a batch without values has size 0, and the mean of no values is NaN.
    """

    def __init__(self, names: Sequence[str], device: torch.device) -> None:
        self.names = tuple(names)
        self._totals = torch.zeros(len(self.names), 2, device=device)

    def add(self, name: str, values: Tensor) -> None:
        """Adds the values (n,) of n samples; n may be 0."""
        self._totals[self.names.index(name)] += torch.stack((values.sum(), values.new_tensor(len(values))))

    def count_over_ranks(self, strategy: Strategy) -> int:
        """How many values all processes have, of all names; all processes must call it."""
        return int(strategy.reduce(self._totals[:, 1].sum(), reduce_op="sum"))

    def over_ranks(self, strategy: Strategy) -> dict[str, Tensor]:
        """The mean of each name for which any process has a value; all processes must call it."""
        totals = strategy.reduce(self._totals.clone(), reduce_op="sum")
        return {name: total / count for name, (total, count) in zip(self.names, totals, strict=True) if count > 0}


@torch.no_grad()
def average_over_ranks(tensors: Sequence[Tensor]) -> None:
    """Replaces each tensor by its mean over all processes, in place; they have one type and one device."""
    if not (distributed.is_available() and distributed.is_initialized() and tensors):
        return
    flat = torch.cat([tensor.flatten() for tensor in tensors])
    distributed.all_reduce(flat)
    flat /= distributed.get_world_size()
    for tensor, mean in zip(tensors, flat.split([tensor.numel() for tensor in tensors]), strict=True):
        tensor.copy_(mean.view_as(tensor))


class UpdateMeans:
    """Means by name over the batches of an update and over all processes."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Discards the batches so far."""
        self._sums: dict[str, Tensor] = {}
        self._batches = 0

    def add(self, values: Mapping[str, Tensor]) -> None:
        """Adds the values of one batch, with the same names each time."""
        for name, value in values.items():
            value = value.detach().float()
            self._sums[name] = self._sums[name] + value if name in self._sums else value.clone()
        self._batches += 1

    def take(self) -> dict[str, Tensor]:
        """Returns the means and clears them."""
        means = {name: value / self._batches for name, value in self._sums.items()}
        average_over_ranks(list(means.values()))
        self.clear()
        return means

    def state_dict(self) -> dict[str, Any]:
        """The values added since `take`, averaged over all processes, which must all call it."""
        sums = {name: value.clone() for name, value in self._sums.items()}
        average_over_ranks(list(sums.values()))
        return {"sums": sums, "batches": self._batches}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restores a `state_dict`, on its own device; see `to`."""
        self._sums, self._batches = dict(state["sums"]), state["batches"]

    def to(self, device: torch.device) -> None:
        """Moves the sums to a device: processes reduce them on the devices of their models."""
        self._sums = {name: value.to(device) for name, value in self._sums.items()}
