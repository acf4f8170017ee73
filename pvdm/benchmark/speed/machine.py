"""What the machine itself can do, measured in the same run: a matrix product and a copy."""

from __future__ import annotations

import platform
import statistics
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from pvdm.benchmark.timing import measured
from pvdm.evaluation.results import hardware

SIDE = {"cuda": 8192, "cpu": 2048}
"""Of the square matrices by the device's type, large enough that the product is limited by arithmetic alone."""

COPIED = {"cuda": 1 << 30, "cpu": 1 << 27}
"""Bytes that are copied, more than any cache holds."""

REPEATS = 5


@dataclass(frozen=True)
class Ceiling:
    """Sustained rates: operations per second of a product, bytes per second read and written by a copy."""

    flops_per_second: float
    bytes_per_second: float

    def best(self, other: Ceiling) -> Ceiling:
        """The larger of both, for a ceiling is what can be reached."""
        return Ceiling(*(max(pair) for pair in zip(asdict(self).values(), asdict(other).values(), strict=True)))


def ceiling(device: torch.device, dtype: torch.dtype, *, side: int | None = None, copied: int | None = None) -> Ceiling:
    """Medians of a product of square matrices and of a copy, in this type; small ones may be asked for."""
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
    """The device, the processor by name and what of its instructions PyTorch uses, and PyTorch's threads."""
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
    """Its name on Linux, what the platform says elsewhere."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
