"""The operations of a piece of code, counted as PyTorch runs it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

ATEN = torch.ops.aten
CPU_ATTENTION = ATEN._scaled_dot_product_flash_attention_for_cpu
CPU_ATTENTION_BACKWARD = ATEN._scaled_dot_product_flash_attention_for_cpu_backward
FORMULAS = {
    **flop_registry,
    CPU_ATTENTION: flop_registry[ATEN._scaled_dot_product_flash_attention],
    CPU_ATTENTION_BACKWARD: flop_registry[ATEN._scaled_dot_product_flash_attention_backward],
}
"""PyTorch's formulas for operations; it has none for attention on a CPU."""


class FlopCounter(TorchDispatchMode):
    """Counts operations of matrix products, convolutions and attention; a multiplication and an addition are two.

    Not PyTorch's own counter, whose module hooks fail at the `torch.autograd.grad` of stage 1.
    """

    def __init__(self) -> None:
        super().__init__()
        self.flops = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        kwargs = kwargs or {}
        formula = FORMULAS.get(func._overloadpacket)
        if formula is None:
            with self:  # an operation that consists of others, as in inference mode, is counted by these
                found = func.decompose(*args, **kwargs)
            return func(*args, **kwargs) if found is NotImplemented else found
        found = func(*args, **kwargs)
        # Gradients are recorded within a backward pass only while a checkpointed part is recomputed.
        is_recomputed = torch._C._current_graph_task_id() != -1 and torch.is_grad_enabled()
        self.flops += 0 if is_recomputed else formula(*args, **kwargs, out_val=found)
        return found


@contextmanager
def counted() -> Iterator[FlopCounter]:
    """Counts the block, without what activation checkpointing recomputes, and with compilation switched off.

    Double backward (R1) is not counted.
    """
    with torch.compiler.set_stance("force_eager"), FlopCounter() as counter:
        yield counter
