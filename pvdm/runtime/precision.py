"""Floating-point settings: TF32 products, bfloat16 weights, and full float32 for metrics."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

AUTOCAST_LAYERS = (nn.Linear, nn.Conv2d, nn.Conv3d)
"""Layers that autocast computes in bfloat16; norms and embeddings stay in float32."""

BFLOAT16_INSTRUCTIONS = ("avx512_bf16", "amx_bf16", "amx_tile", "bf16")
"""Keys of `torch.cpu.get_capabilities()`; the last is ARM's."""

logger = logging.getLogger(__name__)


def allow_tf32(device: torch.device) -> None:
    """Lets a GPU multiply float32 matrices in TF32 (10-bit mantissa), as cuDNN's convolutions do by default.

    Does nothing for a CPU, so its results do not change.
    """
    if device.type == "cuda":
        torch.set_float32_matmul_precision("high")


def bfloat16_weights(network: nn.Module) -> nn.Module:
    """Casts weights of linear layers and convolutions to bfloat16 in place, for autocast, which halves their memory.

    Results are bit for bit those of autocast on float32 weights, which it would cast at each call.
    """
    for module in network.modules():
        if isinstance(module, AUTOCAST_LAYERS):
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
