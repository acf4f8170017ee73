"""Floating-point settings: TF32 products, bfloat16 weights, and full float32 for metrics."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import wraps
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map

AUTOCAST_LAYERS = (nn.Linear, nn.Conv2d, nn.Conv3d)
"""Layers that autocast computes in bfloat16; norms and embeddings stay in float32."""

BFLOAT16_INSTRUCTIONS = ("avx512_bf16", "amx_bf16", "amx_tile", "bf16")
"""Keys of `torch.cpu.get_capabilities()`; the last is ARM's."""

Result = TypeVar("Result")

logger = logging.getLogger(__name__)


def without_autocast(device: torch.device) -> AbstractContextManager:
    """Context in which autocast is off; nothing on the meta device, which has no autocast."""
    return nullcontext() if device.type == "meta" else torch.autocast(device.type, enabled=False)


def in_float32(method: Callable[..., Result]) -> Callable[..., Result]:
    """Makes a module's method compute in float32 whatever autocast says, and whatever smaller floats it is given."""

    @wraps(method)
    def computed(module: nn.Module, *inputs: object) -> Result:
        inputs = tree_map(_at_least_float32, inputs)
        device = next(value.device for value in tree_leaves(inputs) if isinstance(value, Tensor))
        with without_autocast(device):
            return method(module, *inputs)

    return computed


def _at_least_float32(value: object) -> object:
    is_small = isinstance(value, Tensor) and value.is_floating_point() and value.dtype.itemsize < 4
    return value.float() if is_small else value


def allow_tf32(device: torch.device) -> None:
    """Lets a GPU multiply float32 matrices in TF32 (10-bit mantissa), as cuDNN's convolutions do by default.

    Does nothing for a CPU, so its results do not change.
    """
    if device.type == "cuda":
        torch.set_float32_matmul_precision("high")


def bfloat16_weights(network: nn.Module) -> nn.Module:
    """Casts weights of linear layers and convolutions to bfloat16 in place, for autocast, which halves their memory.

    Results are bit for bit those of autocast on float32 weights, which it would cast at each call. Networks that set
    `stays_float32`, since they compute without autocast, keep their weights.
    """
    exact = {part for whole in network.modules() if getattr(whole, "stays_float32", False) for part in whole.modules()}
    for module in network.modules():
        if isinstance(module, AUTOCAST_LAYERS) and module not in exact:
            module.to(torch.bfloat16)
    return network


def warn_of_slow_bfloat16(device: torch.device) -> None:
    """Warns if the device is a CPU without bfloat16 instructions, where bfloat16 is slower than float32."""
    if device.type == "cpu" and not has_bfloat16(torch.cpu.get_capabilities()):
        logger.warning(
            "this CPU has no bfloat16 instructions and is slower with bfloat16 than with float32; "
            "--precision 32 is faster here, and exact"
        )


def has_bfloat16(capabilities: dict) -> bool:
    """Whether a CPU of these capabilities has instructions for bfloat16 products."""
    return any(capabilities.get(name, False) for name in BFLOAT16_INSTRUCTIONS)


CPU_HAS_BFLOAT16 = has_bfloat16(torch.cpu.get_capabilities())
"""Whether this machine's CPU has instructions for bfloat16 products."""


def fastest_precision(accelerator: str) -> str:
    """Lightning's name of the precision to train in: bfloat16 where the accelerator has instructions for it."""
    if accelerator in ("auto", "gpu", "cuda") and torch.cuda.is_available():
        is_native = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        is_native = accelerator in ("auto", "cpu") and has_bfloat16(torch.cpu.get_capabilities())
    return "bf16-mixed" if is_native else "32-true"


@contextmanager
def full_float32(device: torch.device) -> Iterator[None]:
    """Disables autocast and TF32 inside the block, so that a GPU agrees with a CPU up to rounding."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        with torch.autocast(device.type, enabled=False), torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            yield
    finally:
        torch.set_float32_matmul_precision(before)
