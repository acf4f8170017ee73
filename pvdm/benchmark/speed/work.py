"""How much a piece of code computes and moves: floating point operations and bytes, counted as PyTorch runs it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode, flop_registry

ATEN = torch.ops.aten
ATTENTION_ON_CPU = {
    ATEN._scaled_dot_product_flash_attention_for_cpu: flop_registry[ATEN._scaled_dot_product_flash_attention],
    ATEN._scaled_dot_product_flash_attention_for_cpu_backward: flop_registry[
        ATEN._scaled_dot_product_flash_attention_backward
    ],
}
"""Operations that PyTorch's own counter does not know."""


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
    work = Work()
    formulas = {**flop_registry, **ATTENTION_ON_CPU}
    flops = FlopCounterMode(display=False, custom_mapping={name: _once(formula) for name, formula in formulas.items()})
    with torch.compiler.set_stance("force_eager"), flops, _Traffic() as traffic:
        yield work
    work.flops, work.bytes = flops.get_total_flops(), traffic.bytes


class _Traffic(TorchDispatchMode):
    """Adds up the bytes of the tensors that operations read and write; views move nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        found = func(*args, **(kwargs or {}))
        if not (func.is_view or "empty" in func.__name__ or _is_recomputed()):
            given, made = _tensors((args, kwargs)), _tensors(found)
            if func._schema.is_mutable or not _storages(made) <= _storages(given):  # else a view by another name
                self.bytes += sum(tensor.numel() * tensor.element_size() for tensor in (*given, *made))
        return found


def _tensors(values: Any) -> list[Tensor]:
    return [value for value in tree_leaves(values) if isinstance(value, Tensor)]


def _storages(tensors: list[Tensor]) -> set[int]:
    return {tensor.untyped_storage()._cdata for tensor in tensors}


def _once(formula: Callable[..., int]) -> Callable[..., int]:
    """The formula, and 0 for what is computed again; it is given tensors as they are, as its own wrapper wants them."""

    def count(*args: Any, **kwargs: Any) -> int:
        return 0 if _is_recomputed() else formula(*args, **kwargs)

    count._get_raw = True
    return count


def _is_recomputed() -> bool:
    """Whether this is forward computation within a backward pass: there alone gradients are recorded in one."""
    return torch._C._current_graph_task_id() != -1 and torch.is_grad_enabled()
