"""Inference in chunks of tokens: what a layer holds beside its tokens stays in the cache, however long the clip is."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

CPU_TOKENS, DEVICE_TOKENS = 1024, 32768
"""Tokens of a chunk: as many as a CPU's cache holds hidden channels of, and as many as keep a GPU busy."""


def chunks(x: Tensor, axis: int) -> Sequence[Tensor]:
    """Views of x (..., channels) along an axis, in order; all of x if gradients are wanted, or while it is compiled."""
    if torch.is_grad_enabled() or torch.compiler.is_compiling():
        return (x,)
    most = CPU_TOKENS if x.device.type == "cpu" else DEVICE_TOKENS
    entry = x.numel() // (x.shape[axis] * x.shape[-1])
    return x.split(max(1, most // entry), dim=axis)


def residual(x: Tensor, branch: Callable[[Tensor], Tensor], *, axis: int, in_place: bool = False) -> Tensor:
    """x + branch(x) for a branch to which the entries of an axis are independent; laid out in memory as x is.

    in_place: x may be overwritten, as it is where no gradient needs it.
    """
    parts = chunks(x, axis)
    if len(parts) == 1:
        return x + branch(x)
    result = x if in_place else torch.empty_like(x)
    for part, into in zip(parts, chunks(result, axis), strict=True):
        torch.add(part, branch(part), out=into)
    return result
