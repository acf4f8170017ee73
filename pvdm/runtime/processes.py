"""The processes that share a command's work: this one alone, or those that torchrun has started."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from pvdm.errors import InputError

if TYPE_CHECKING:  # so that invalid options are refused without importing PyTorch
    import torch
    from torch import Tensor

T = TypeVar("T")

START_TIMEOUT = timedelta(minutes=5)
"""Time within which all processes must start."""

WORK_TIMEOUT = timedelta(days=2)
"""How long to wait for the slowest process. One that dies is noticed at once, because its connections close."""


@dataclass(frozen=True)
class Processes:
    """Rank of this process and the world size; results of each process can be gathered in all of them."""

    rank: int = 0
    size: int = 1

    @property
    def is_main(self) -> bool:
        """Whether this process writes files and prints: rank 0."""
        return self.rank == 0

    def share(self, items: Sequence[T]) -> list[T]:
        """This process's share of the items: every `size`-th, starting at its rank."""
        return list(items[self.rank :: self.size])

    def gather(self, value: Any) -> list[Any]:
        """The values of all processes, by rank; all must call this. InputError if another process has ended."""
        if self.size == 1:
            return [value]
        from torch import distributed

        values = [None] * self.size
        with _lost_processes_named():
            distributed.all_gather_object(values, value)
        return values

    def barrier(self) -> None:
        """Waits until all processes are here. InputError if another process has ended."""
        if self.size > 1:
            from torch import distributed

            with _lost_processes_named():
                distributed.barrier()


ALONE = Processes()


def connected() -> Processes:
    """The processes connected now, by `processes` or by Lightning; this one alone if none are."""
    distributed = sys.modules.get("torch.distributed")  # nothing is connected unless it has been imported
    if distributed is None or not (distributed.is_available() and distributed.is_initialized()):
        return ALONE
    return Processes(distributed.get_rank(), distributed.get_world_size())


def gathered_rows(rows: Tensor, group: Any = None) -> list[Tensor]:
    """A metric's rows of all connected processes, by rank, for torchmetrics' `dist_sync_fn`.

    Unlike torchmetrics' own it works if a process has no rows yet, whose shape is unknown there.
    """
    gathered = connected().gather(rows)
    return [rows for rows in gathered if rows.numel()] or gathered


@contextmanager
def processes() -> Iterator[Processes]:
    """Connects the processes of the environment (RANK and WORLD_SIZE, set by torchrun) while the block runs.

    Processes that are connected already, as in training, stay so. The backend is gloo, also on GPUs: the messages are
    small, and the end of a process is noticed at once, as an InputError in all others.
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
    """The function's result. If it fails in any process, all end, and only rank 0 says why."""
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
    """Number of processes on this machine (LOCAL_WORLD_SIZE); the world size where that is not set."""
    return _of_environment("LOCAL_WORLD_SIZE", _of_environment("WORLD_SIZE", 1))


def device_of_rank(device: torch.device) -> torch.device:
    """The device of this process: CUDA without an index becomes the device of LOCAL_RANK, set by torchrun.

    InputError if this machine has fewer devices than processes.
    """
    if device.type != "cuda" or device.index is not None or _of_environment("WORLD_SIZE", 1) == 1:
        return device
    import torch

    rank, count = _of_environment("LOCAL_RANK"), torch.cuda.device_count()
    if rank >= count:
        raise InputError(
            f"process {rank + 1} of this machine has no CUDA device of its own, because there are only {count}",
            f"start {count} processes (torchrun --nproc-per-node {count}), or name one for all (--device cuda:0)",
        )
    return torch.device("cuda", rank)


def is_lost_process(error: RuntimeError) -> bool:
    """Whether the error means that another process of the run can no longer be reached."""
    from torch import distributed

    return distributed.is_available() and (isinstance(error, distributed.DistError) or "gloo" in str(error))


def _connect(rank: int, size: int) -> None:
    """Connects the process group: waits minutes for all to start, and days for the work of each."""
    from torch import distributed

    try:
        store, *_ = next(distributed.rendezvous("env://", rank, size, timeout=START_TIMEOUT))
        store.set(f"pvdm/{rank}", "here")
        store.wait([f"pvdm/{other}" for other in range(size)], START_TIMEOUT)
    except (RuntimeError, ValueError, OSError) as error:  # ValueError: no address in the environment
        raise InputError(
            f"the {size} processes of WORLD_SIZE have not all started (this is number {rank})",
            "start them by torchrun, or unset WORLD_SIZE",
        ) from error
    distributed.init_process_group("gloo", store=store, rank=rank, world_size=size, timeout=WORK_TIMEOUT)


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
    """Turns the error of a closed connection into an InputError."""
    try:
        yield
    except RuntimeError as error:
        if not is_lost_process(error):
            raise
        raise lost() from error


def lost() -> InputError:
    """The error of a process that another one has left."""
    return InputError("another process of this run has ended", "its own message says why")


def in_parts(count: int, size: int) -> list[range]:
    """0 .. count - 1 in ranges of `size`; the last may be shorter."""
    return [range(start, min(start + size, count)) for start in range(0, count, size)]
