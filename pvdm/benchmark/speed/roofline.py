"""What the code computes and moves, counted as PyTorch runs it, and the rates at which the machine can do so."""

from __future__ import annotations

import platform
import statistics
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

from pvdm.benchmark.timing import measured
from pvdm.evaluation.results import hardware

ATEN = torch.ops.aten
CPU_ATTENTION = ATEN._scaled_dot_product_flash_attention_for_cpu
CPU_ATTENTION_BACKWARD = ATEN._scaled_dot_product_flash_attention_for_cpu_backward
FORMULAS = {
    **flop_registry,
    CPU_ATTENTION: flop_registry[ATEN._scaled_dot_product_flash_attention],
    CPU_ATTENTION_BACKWARD: flop_registry[ATEN._scaled_dot_product_flash_attention_backward],
}
"""PyTorch's formulas for operations; it has none for attention on a CPU."""

SIDE = {"cuda": 8192, "cpu": 2048}
"""Of the square matrices by device type: large enough for the product to be limited by arithmetic."""

COPIED = {"cuda": 1 << 30, "cpu": 1 << 27}
"""Bytes of the copy by device type: more than any cache holds."""

REPEATS = 5


@dataclass
class OperationCount:
    """What a piece of code does.

    Args:
        flops: Operations of matrix products, convolutions and attention; a multiplication and an addition are two.
        bytes: Read and written by all operations, as if nothing stayed in a cache between them.
    """

    flops: int = 0
    bytes: int = 0

    def __add__(self, other: OperationCount) -> OperationCount:
        return OperationCount(self.flops + other.flops, self.bytes + other.bytes)

    def __mul__(self, factor: float) -> OperationCount:
        return OperationCount(round(self.flops * factor), round(self.bytes * factor))


@contextmanager
def counted() -> Iterator[OperationCount]:
    """Counts the block, without what activation checkpointing recomputes, and with compilation switched off.

    The count is complete when the block has ended. Double backward (R1) is not counted.
    """
    counter = _Counter()
    with torch.compiler.set_stance("force_eager"), counter:
        yield counter.count


class _Counter(TorchDispatchMode):
    """Not PyTorch's own counter, whose module hooks fail at the `torch.autograd.grad` of stage 1."""

    def __init__(self) -> None:
        super().__init__()
        self.count = OperationCount()

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        kwargs = kwargs or {}
        formula = FORMULAS.get(func._overloadpacket)
        if formula is None:
            with self:  # an operation that consists of others, as in inference mode, is counted by these
                found = func.decompose(*args, **kwargs)
            if found is not NotImplemented:
                return found
        found = func(*args, **kwargs)
        # Gradients are recorded within a backward pass only while a checkpointed part is recomputed.
        is_recomputed = torch._C._current_graph_task_id() != -1 and torch.is_grad_enabled()
        if not is_recomputed:
            self.count.flops += formula(*args, **kwargs, out_val=found) if formula else 0
            self.count.bytes += _moved(func, (args, kwargs), found)
        return found


def _moved(func: Any, given: Any, made: Any) -> int:
    """Bytes of the tensors that an operation reads and writes; a view moves nothing."""
    if func.is_view or "empty" in func.__name__:
        return 0
    given, made = ([value for value in tree_leaves(part) if isinstance(value, Tensor)] for part in (given, made))
    storages, before = ({tensor.untyped_storage()._cdata for tensor in part} for part in (made, given))
    if not func._schema.is_mutable and storages <= before:
        return 0  # a view by another name
    return sum(tensor.numel() * tensor.element_size() for tensor in (*given, *made))


@dataclass(frozen=True)
class Ceiling:
    """Sustained rates: operations per second of a matrix product, bytes per second read and written by a copy."""

    flops_per_second: float
    bytes_per_second: float

    def best(self, other: Ceiling) -> Ceiling:
        """The larger of both rates: a ceiling is what can be reached."""
        return Ceiling(*(max(pair) for pair in zip(asdict(self).values(), asdict(other).values(), strict=True)))


def ceiling(device: torch.device, dtype: torch.dtype, *, side: int | None = None, copied: int | None = None) -> Ceiling:
    """Medians of a product of square matrices and of a copy; `side` and `copied` replace `SIDE` and `COPIED`."""
    kind = device.type if device.type in SIDE else "cpu"
    side, copied = side or SIDE[kind], copied or COPIED[kind]
    matrix = torch.rand(side, side, device=device, dtype=dtype)
    product = torch.empty_like(matrix)
    source = torch.rand(copied // dtype.itemsize, device=device, dtype=dtype)
    target = torch.empty_like(source)
    multiplied = _median(device, lambda: torch.matmul(matrix, matrix, out=product))
    moved = _median(device, lambda: target.copy_(source))
    return Ceiling(2 * side**3 / multiplied, 2 * source.nbytes / moved)


def machine(device: torch.device) -> dict[str, Any]:
    """JSON-able: the device, the processor by name, the instructions that PyTorch uses, and its threads."""
    return {
        **hardware(device),
        "processor": _processor(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
    }


def _median(device: torch.device, run: Callable[[], object]) -> float:
    run()
    seconds = []
    for _ in range(REPEATS):
        with measured(device) as peak:
            run()
        seconds.append(peak.seconds)
    return statistics.median(seconds)


def _processor() -> str:
    """Its name on Linux; elsewhere what the platform says."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
