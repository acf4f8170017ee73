"""How much a piece of code computes and moves: floating point operations and bytes, counted as PyTorch runs it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

ATEN = torch.ops.aten
FORMULAS = {
    **flop_registry,
    ATEN._scaled_dot_product_flash_attention_for_cpu: flop_registry[ATEN._scaled_dot_product_flash_attention],
    ATEN._scaled_dot_product_flash_attention_for_cpu_backward: flop_registry[
        ATEN._scaled_dot_product_flash_attention_backward
    ],
}
"""Operations by PyTorch's own formulas, which it lacks for a CPU's attention."""


@dataclass
class Work:
    """What was counted.

    Args:
        flops: Operations of matrix products, convolutions and attention, a multiplication and an addition being two.
        bytes: Read and written by all operations, each counted as if nothing stayed in a cache between them.
    """

    flops: int = 0
    bytes: int = 0

    def __add__(self, other: Work) -> Work:
        return Work(self.flops + other.flops, self.bytes + other.bytes)

    def __mul__(self, factor: float) -> Work:
        return Work(round(self.flops * factor), round(self.bytes * factor))


@contextmanager
def counted() -> Iterator[Work]:
    """Counts what the block does, without what activation checkpointing computes again, and without compilation.

    The count stands in the yielded object when the block has ended. Double backward (R1) is not counted.
    """
    counter = _Counter()
    with torch.compiler.set_stance("force_eager"), counter:
        yield counter.work


class _Counter(TorchDispatchMode):
    """Adds up the work of operations by the formulas of PyTorch's counter.

    Not that counter itself, whose hooks of modules do not bear the `torch.autograd.grad` of stage 1.
    """

    def __init__(self) -> None:
        super().__init__()
        self.work = Work()

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        kwargs = kwargs or {}
        formula = FORMULAS.get(func._overloadpacket)
        if formula is None:
            with self:  # what consists of others, as in inference mode, is counted by these
                found = func.decompose(*args, **kwargs)
            if found is not NotImplemented:
                return found
        found = func(*args, **kwargs)
        if not _is_recomputed():
            self.work.flops += formula(*args, **kwargs, out_val=found) if formula else 0
            self.work.bytes += _moved(func, (args, kwargs), found)
        return found


def _moved(func: Any, given: Any, made: Any) -> int:
    """Bytes of the tensors that an operation reads and writes; a view moves nothing."""
    if func.is_view or "empty" in func.__name__:
        return 0
    given, made = _tensors(given), _tensors(made)
    if not func._schema.is_mutable and _storages(made) <= _storages(given):
        return 0  # a view by another name
    return sum(tensor.numel() * tensor.element_size() for tensor in (*given, *made))


def _tensors(values: Any) -> list[Tensor]:
    return [value for value in tree_leaves(values) if isinstance(value, Tensor)]


def _storages(tensors: list[Tensor]) -> set[int]:
    return {tensor.untyped_storage()._cdata for tensor in tensors}


def _is_recomputed() -> bool:
    """Whether this is forward computation within a backward pass: there alone gradients are recorded in one."""
    return torch._C._current_graph_task_id() != -1 and torch.is_grad_enabled()
