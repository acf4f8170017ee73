"""The processes that share an evaluation: one, or those that torchrun or SLURM has started."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import distributed

T = TypeVar("T")


@dataclass(frozen=True)
class Processes:
    """This process and how many there are; what each does with its share is gathered in all of them."""

    rank: int = 0
    size: int = 1

    @property
    def is_main(self) -> bool:
        """Whether this one writes and speaks."""
        return self.rank == 0

    def share(self, items: Sequence[T]) -> list[T]:
        """Those items that are this process's: every `size`-th, so that each is somebody's."""
        return list(items[self.rank :: self.size])

    def gather(self, value: Any) -> list[Any]:
        """The values of all processes, by rank; all must call it."""
        if self.size == 1:
            return [value]
        values = [None] * self.size
        distributed.all_gather_object(values, value)
        return values

    def barrier(self) -> None:
        """Waits until all processes are here."""
        if self.size > 1:
            distributed.barrier()


@contextmanager
def processes(device: torch.device | None = None) -> Iterator[Processes]:
    """Those of the environment (RANK and WORLD_SIZE, as torchrun sets them), connected while the block runs.

    Where they are connected already, as in training, they are left as they are.
    """
    if distributed.is_available() and distributed.is_initialized():
        yield Processes(distributed.get_rank(), distributed.get_world_size())
        return
    size = int(os.environ.get("WORLD_SIZE", 1))
    if size == 1:
        yield Processes()
        return
    distributed.init_process_group("nccl" if device is not None and device.type == "cuda" else "gloo")
    try:
        yield Processes(distributed.get_rank(), size)
    finally:
        distributed.destroy_process_group()
