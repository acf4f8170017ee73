"""The processes that share an evaluation: one, or those that torchrun has started."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from pvdm.errors import InputError

if TYPE_CHECKING:  # a command line is refused without waiting for PyTorch
    import torch
    from torch import Tensor

T = TypeVar("T")

TOGETHER = timedelta(minutes=5)
"""In which all processes must have started."""

PATIENCE = timedelta(days=2)
"""For which one waits for the slowest; that one has died is seen at once, for its connections close."""

LOST = "another process of this run has ended; its own message says why"


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
        """The values of all processes, by rank; all must call it. InputError if another one has ended."""
        if self.size == 1:
            return [value]
        from torch import distributed

        values = [None] * self.size
        with _lost_processes_named():
            distributed.all_gather_object(values, value)
        return values

    def barrier(self) -> None:
        """Waits until all processes are here; InputError if another one has ended."""
        if self.size > 1:
            from torch import distributed

            with _lost_processes_named():
                distributed.barrier()


ALONE = Processes()


def connected() -> Processes:
    """Those that are connected now, by `processes` or by a training; this one alone if none are."""
    distributed = sys.modules.get("torch.distributed")  # before it is imported nothing can be connected
    if distributed is None or not (distributed.is_available() and distributed.is_initialized()):
        return ALONE
    return Processes(distributed.get_rank(), distributed.get_world_size())


def gathered_rows(rows: Tensor, group: Any = None) -> list[Tensor]:
    """A metric's rows of all connected processes, by rank: what torchmetrics takes as `dist_sync_fn`.

    Also where one has no rows yet, whose shape torchmetrics cannot know.
    """
    gathered = connected().gather(rows)
    return [rows for rows in gathered if rows.numel()] or gathered


@contextmanager
def processes() -> Iterator[Processes]:
    """Those of the environment (RANK and WORLD_SIZE, as torchrun sets them), connected while the block runs.

    Where they are connected already, as in training, they are left as they are. They talk over gloo, on GPUs too: what
    they exchange is small, and a process that ends is noticed at once, with an InputError in all others.
    """
    if connected() != ALONE or _of_environment("WORLD_SIZE", 1) == 1:
        yield connected()
        return
    from torch import distributed

    with _lost_processes_named():
        _connect(_of_environment("RANK"), _of_environment("WORLD_SIZE", 1))
        try:
            yield connected()
        finally:
            distributed.destroy_process_group()


def together(shared: Processes, function: Callable[[], T]) -> T:
    """What the function gives; where it fails in any process all end, and the first alone says why."""
    try:
        result, error = function(), None
    except InputError as refusal:
        result, error = None, refusal
    refusals = [refusal for refusal in shared.gather(error) if refusal]
    if not refusals:
        return result
    if shared.is_main:
        raise error or refusals[0]
    raise SystemExit(2)


def processes_here() -> int:
    """How many of the run are on this machine; all of them where whatever started them does not say."""
    return _of_environment("LOCAL_WORLD_SIZE", _of_environment("WORLD_SIZE", 1))


def device_of_rank(device: torch.device) -> torch.device:
    """The device of this process: CUDA without a number becomes the one of LOCAL_RANK, as torchrun counts.

    InputError if this machine has fewer than it has processes.
    """
    if device.type != "cuda" or device.index is not None or _of_environment("WORLD_SIZE", 1) == 1:
        return device
    import torch

    rank, count = _of_environment("LOCAL_RANK"), torch.cuda.device_count()
    if rank >= count:
        raise InputError(
            f"process {rank + 1} of this machine has no CUDA device of its own, for there are {count}",
            f"start {count} processes (torchrun --nproc-per-node {count}), or name one for all (--device cuda:0)",
        )
    return torch.device("cuda", rank)


def is_lost_process(error: RuntimeError) -> bool:
    """Whether it says that another process of the run cannot be reached any more."""
    from torch import distributed

    return distributed.is_available() and (isinstance(error, distributed.DistError) or "gloo" in str(error))


def _connect(rank: int, size: int) -> None:
    """Waits for all for a few minutes, and then for none of them so shortly again."""
    from torch import distributed

    try:
        store, *_ = next(distributed.rendezvous("env://", rank, size, timeout=TOGETHER))
        store.set(f"pvdm/{rank}", "here")
        store.wait([f"pvdm/{other}" for other in range(size)], TOGETHER)
    except (RuntimeError, ValueError, OSError) as error:  # ValueError: the address is not in the environment
        raise InputError(
            f"the {size} processes of WORLD_SIZE are not all there (this is number {rank})",
            "start them by torchrun, or unset WORLD_SIZE",
        ) from error
    distributed.init_process_group("gloo", store=store, rank=rank, world_size=size, timeout=PATIENCE)


def _of_environment(name: str, default: int | None = None) -> int:
    text = os.environ.get(name, default)
    try:
        return int(text)
    except (TypeError, ValueError):
        raise InputError(
            f"{name} is {text} in the environment", "start the processes by torchrun, which sets it"
        ) from None


@contextmanager
def _lost_processes_named() -> Iterator[None]:
    """Turns what a connection says that closes into an InputError."""
    try:
        yield
    except RuntimeError as error:
        if not is_lost_process(error):
            raise
        raise InputError(LOST) from error


def in_parts(count: int, size: int) -> list[range]:
    """0 .. count - 1 in ranges of `size`, of which the last may be shorter."""
    return [range(start, min(start + size, count)) for start in range(0, count, size)]
