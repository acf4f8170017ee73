"""Floating point: TF32 products, bfloat16 weights, and full float32 for metrics."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

MULTIPLIED = (nn.Linear, nn.Conv2d, nn.Conv3d)
"""Layers that autocast computes in bfloat16; all else, norms and embeddings, keeps its float32."""

BFLOAT16_INSTRUCTIONS = ("avx512_bf16", "amx_bf16", "amx_tile", "bf16")
"""By their names in torch's table of what the CPU can do; the last is ARM's."""

logger = logging.getLogger(__name__)


def allow_tf32(device: torch.device) -> None:
    """Lets a GPU multiply float32 matrices with 10 bits of fraction, as cuDNN's convolutions do anyway.

    A CPU is left alone, so that its results stay what they are.
    """
    if device.type == "cuda":
        torch.set_float32_matmul_precision("high")


def bfloat16_weights(network: nn.Module) -> nn.Module:
    """The network, its products' weights cast to bfloat16 in place: half the memory, for use under autocast.

    The results are those of autocast on float32 weights bit by bit, for it would cast them each time.
    """
    for module in network.modules():
        if isinstance(module, MULTIPLIED):
            module.to(torch.bfloat16)
    return network


def warn_of_slow_bfloat16(device: torch.device) -> None:
    """One line if the device is a CPU that computes bfloat16 by way of float32, which is slower than float32 alone."""
    if device.type == "cpu" and not has_bfloat16(torch.cpu.get_capabilities()):
        logger.warning(
            "this CPU has no instructions for bfloat16 and is slower with it than with float32; "
            "--precision 32 is faster here, and exact"
        )


def has_bfloat16(capabilities: dict) -> bool:
    """Whether a CPU of these capabilities multiplies bfloat16 itself."""
    return any(capabilities.get(name, False) for name in BFLOAT16_INSTRUCTIONS)


@contextmanager
def full_float32(device: torch.device) -> Iterator[None]:
    """Neither autocast nor TF32 while the block runs, so that a GPU gives a CPU's numbers up to rounding."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        with torch.autocast(device.type, enabled=False), torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            yield
    finally:
        torch.set_float32_matmul_precision(before)
