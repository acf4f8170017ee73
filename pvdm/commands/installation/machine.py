"""The devices of this machine: CPU, memory and GPUs, and whether PyTorch can use them."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from pvdm.commands.installation.finding import Finding, amount
from pvdm.errors import one_line
from pvdm.runtime.processor import cpu_name

DRIVER = Path("/proc/driver/nvidia/version")
SHARED = Path("/dev/shm")
LEAST_SHARED = 1 << 30
"""Shared memory that workers which read videos need, in bytes; containers often have 64 MiB."""


def device_findings() -> Iterator[Finding]:
    """CPU, memory, shared memory, and each GPU after a trial."""
    import torch

    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    threads = torch.get_num_threads()
    yield Finding("CPU", f"{cpu_name()}, {usable} cores, {threads} thread{'s' * (threads != 1)} of PyTorch")
    if memory := _memory():
        yield Finding("memory", f"{amount(memory[0])}, {amount(memory[1])} available")
    if SHARED.is_dir():
        size = shutil.disk_usage(SHARED).total
        is_small = size < LEAST_SHARED
        remedy = "start the container with --shm-size=8g, or train with --data.workers 0" if is_small else ""
        yield Finding("/dev/shm", f"{amount(size)} for workers", "absent" if is_small else "ok", remedy)
    yield from _gpus()


def _gpus() -> Iterator[Finding]:
    import torch

    for index in range(torch.cuda.device_count() if torch.cuda.is_available() else 0):
        yield _gpu(index)
    if torch.backends.mps.is_available():
        yield Finding("GPU", "Apple, by --device mps")
    elif not torch.cuda.is_available() and has_nvidia_driver():
        built = torch.version.cuda
        found = f"an NVIDIA driver {driver_version()} is here, and PyTorch finds no GPU"
        remedy = "check nvidia-smi, and that the driver is as new as this CUDA" if built else "install torch with CUDA"
        yield Finding("GPU", found, "absent", f"{remedy}: pytorch.org/get-started")
    elif not torch.cuda.is_available():
        yield Finding("GPU", "none")


def _gpu(index: int) -> Finding:
    """A GPU, after it has multiplied two matrices."""
    import torch

    about = torch.cuda.get_device_properties(index)
    found = f"{about.name}, {amount(about.total_memory)}, driver {driver_version()}"
    try:
        matrix = torch.ones(64, 64, device=f"cuda:{index}")
        works = (matrix @ matrix).sum().item() == 64**3
    except RuntimeError as error:
        return Finding(f"GPU {index}", f"{found}, cannot compute ({one_line(error)})", "broken", "check nvidia-smi")
    return Finding(f"GPU {index}", found) if works else Finding(f"GPU {index}", f"{found}, computes wrongly", "broken")


def has_nvidia_driver() -> bool:
    return DRIVER.is_file() or shutil.which("nvidia-smi") is not None


def driver_version() -> str:
    """Of NVIDIA's kernel module."""
    found = re.search(r"\s(\d{3}\.[\d.]+)\s", DRIVER.read_text(encoding="utf-8")) if DRIVER.is_file() else None
    return found[1] if found else "unknown"


def _memory() -> tuple[int, int] | None:
    """Bytes of this machine's memory, and those that are free; None where the system does not say."""
    path = Path("/proc/meminfo")
    if not path.is_file():
        return None
    sizes = dict(re.findall(r"^(\w+):\s+(\d+) kB", path.read_text(encoding="utf-8"), flags=re.MULTILINE))
    return int(sizes["MemTotal"]) << 10, int(sizes["MemAvailable"]) << 10
