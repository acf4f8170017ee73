"""Means over the processes of a run, and over the batches of an update."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, distributed


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
        """Forgets the batches so far."""
        self._sums: dict[str, Tensor] = {}
        self._batches = 0

    def add(self, values: Mapping[str, Tensor]) -> None:
        """The values of one batch, float32, of the same names each time."""
        for name, value in values.items():
            value = value.detach().float()
            self._sums[name] = self._sums[name] + value if name in self._sums else value.clone()
        self._batches += 1

    def take(self) -> dict[str, Tensor]:
        """The means, which are forgotten."""
        means = {name: value / self._batches for name, value in self._sums.items()}
        average_over_ranks(list(means.values()))
        self.clear()
        return means

    def state_dict(self) -> dict[str, Any]:
        """What has been added since they were taken, the same in all processes, which must all call it."""
        sums = {name: value.clone() for name, value in self._sums.items()}
        average_over_ranks(list(sums.values()))
        return {"sums": sums, "batches": self._batches}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes on with what `state_dict` gave, on the device that it lies on; see `to`."""
        self._sums, self._batches = dict(state["sums"]), state["batches"]

    def to(self, device: torch.device) -> None:
        """Moves the sums there: all processes reduce them on the devices of their models."""
        self._sums = {name: value.to(device) for name, value in self._sums.items()}
