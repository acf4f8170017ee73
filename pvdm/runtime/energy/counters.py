"""Counters of energy in joules: the GPU's by its driver, the CPU's by RAPL, and an estimate by CPU seconds."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import torch

WATTS = 12.0
"""Of a busy core whose kind is not known: "Any" in the table of processors of Green Algorithms (Lannelongue et al.,
Advanced Science 2021, 2100707)."""

POWERCAP = Path("/sys/class/powercap")
POLL = 30.0
"""Seconds between readings of RAPL's counters, the smallest of which begin anew after 65 kJ."""


class Counter(Protocol):
    """Joules since some moment; they never fall.

    `note` says how they are known, `of_machine` whether they are of all processes.
    """

    note: str
    of_machine: bool

    def joules(self) -> float: ...


class GpuCounter:
    """Joules of whole GPUs, other processes' work included, by the driver's counter (Volta and later)."""

    note, of_machine = "GPU: the driver's counter (NVML)", True

    def __init__(self, nvml: ModuleType, handles: Sequence[Any]) -> None:
        self._nvml, self._handles = nvml, handles
        self.joules()  # NVMLError where a GPU has no counter

    def joules(self) -> float:
        return sum(self._nvml.nvmlDeviceGetTotalEnergyConsumption(handle) for handle in self._handles) / 1000


def gpu_counter(devices: Iterable[torch.device]) -> GpuCounter | None:
    """The counter of these CUDA devices; None if the driver or a GPU has none."""
    try:
        nvml = import_module("pynvml")
    except ImportError:
        return None
    try:
        nvml.nvmlInit()
        return GpuCounter(nvml, [nvml.nvmlDeviceGetHandleByUUID(_uuid(device)) for device in devices])
    except nvml.NVMLError:
        return None


def _uuid(device: torch.device) -> str:
    """By which NVML knows a device, whatever CUDA_VISIBLE_DEVICES says."""
    import torch

    return f"GPU-{torch.cuda.get_device_properties(device).uuid}"


class CpuCounter:
    """Joules of all processors of this machine, other processes' work included, by RAPL.

    A thread reads them often enough that none begins anew unnoticed. PermissionError where only root may read them,
    FileNotFoundError where there are none.
    """

    note, of_machine = "CPU: the counters of all processors (RAPL)", True

    def __init__(self, folder: Path = POWERCAP) -> None:
        packages = [path for path in sorted(folder.glob("*rapl:*")) if _text(path / "name").startswith("package")]
        if not packages:
            raise FileNotFoundError(f"{folder} has no counter of a processor")
        self._files = [path / "energy_uj" for path in packages]
        self._ranges = [int(_text(path / "max_energy_range_uj")) for path in packages]
        self._last, self._total, self._lock = self._read(), 0.0, threading.Lock()
        threading.Thread(target=self._poll, daemon=True, name="RAPL").start()

    def joules(self) -> float:
        with self._lock:
            now = self._read()
            steps = zip(self._last, now, self._ranges, strict=True)
            self._total += sum((new - old) % (most + 1) for old, new, most in steps) / 1e6
            self._last = now
            return self._total

    def _read(self) -> list[int]:
        return [int(_text(path)) for path in self._files]

    def _poll(self) -> None:
        while True:
            time.sleep(POLL)
            with suppress(OSError):
                self.joules()


class CpuEstimate:
    """CPU seconds of this process and its children, times the watts of a busy core. Memory and idle cores are left out.

    watts: Of a busy core.
    """

    of_machine = False

    def __init__(self, watts: float = WATTS) -> None:
        self._watts, self._most = watts, 0.0
        self.note = f"CPU: an estimate, {watts:g} W for each busy core"

    def joules(self) -> float:
        own = time.process_time() + sum(os.times()[2:4])
        self._most = max(self._most, (own + _seconds_of_children()) * self._watts)  # a child ends between two readings
        return self._most


@cache
def _rapl(folder: Path) -> CpuCounter:
    """One for the process, whose thread reads it."""
    return CpuCounter(folder)


def cpu_counter(watts: float | None = None) -> Counter:
    """RAPL's counter if there is one and no watts are given, else the estimate."""
    if watts is None:
        with suppress(OSError, ValueError):
            return _rapl(POWERCAP)
    return CpuEstimate(WATTS if watts is None else watts)


def _seconds_of_children() -> float:
    """CPU seconds of children that run, such as workers that read data; 0 where the system is not Linux."""
    seconds = 0.0
    with suppress(OSError, ValueError):
        for file in Path("/proc/self/task").glob("*/children"):
            for child in file.read_text().split():
                with suppress(OSError):  # it has ended
                    fields = Path("/proc", child, "stat").read_text().rpartition(")")[2].split()
                    seconds += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return seconds


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8").strip()
