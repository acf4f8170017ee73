"""Time, peak memory and operations of a piece of code, and the most operations that the machine can do."""

from __future__ import annotations

import gc
import statistics
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, perf_counter
from typing import Any

import torch

from pvdm.benchmark.speed.flops import counted
from pvdm.benchmark.speed.speed_options import Repeats
from pvdm.runtime.energy.meter import Energy, EnergyMeter

Context = Callable[[], AbstractContextManager[Any]]
STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
GIB = 1 << 30

SIDE = {"cuda": 8192, "cpu": 2048}
"""Of square matrices by device type: large enough for their product to be limited by arithmetic."""


class Peak:
    """Seconds and energy of the block in `measured`, and the most bytes in use; None where the system does not say."""

    seconds: float = 0.0
    memory: int | None = None
    energy: Energy = Energy()


@contextmanager
def measured(device: torch.device) -> Iterator[Peak]:
    """Times the block, with all work that it gives a GPU, and notes its peak of memory.

    On CUDA the allocator's peak; elsewhere the process's peak resident memory, which only Linux tells.
    """
    peak, on_cuda = Peak(), device.type == "cuda"
    if on_cuda:
        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
    else:
        _forget_peak()
    meter = EnergyMeter([device])
    start = perf_counter()
    yield peak
    if on_cuda:
        torch.cuda.synchronize(device)
    peak.seconds = perf_counter() - start
    peak.energy = meter.read()
    peak.memory = torch.cuda.max_memory_allocated(device) if on_cuda else _resident_peak()


@dataclass
class Measured:
    """What was found for one piece of code, which runs once in each of `contexts()`.

    Args:
        seconds: Of each repetition.
        peak: The most memory of any repetition, in bytes: allocated on CUDA, else the process's, if known.
        energy: Of all repetitions together.
        flops: Operations of one run.
        items: Clips or frames of one run; None means the batch size.
        extra: What else there is to say, JSON-able.
    """

    seconds: list[float] = field(default_factory=list)
    peak: int | None = None
    energy: Energy = field(default_factory=Energy)
    flops: int = 0
    items: int | None = None
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    def contexts(
        self, device: torch.device, repeats: Repeats, *, counting: Context = nullcontext
    ) -> Iterator[AbstractContextManager[Any]]:
        """One in which the code is counted, those in which it warms up, and those in which it is timed.

        counting: makes another context, in which the counted run takes place.
        """
        yield self._counted(counting)
        for _ in range(repeats.warm_up):
            yield nullcontext()
        gc.collect()  # so that the peak holds nothing of what came before
        end = monotonic() + repeats.limit
        for number in range(repeats.count):
            if number and monotonic() > end:
                return
            yield self._timed(device)

    def mixed(self, other: Measured, share: float) -> Measured:
        """As if `share` of the runs had been the other's: times and operations in proportion, the larger peak."""
        pairs = zip(self.seconds, other.seconds, strict=False)  # the time limit may have cut one of them short
        seconds = [(1 - share) * mine + share * theirs for mine, theirs in pairs]
        flops = round((1 - share) * self.flops + share * other.flops)
        energy = self.energy.share((1 - share) * len(seconds) / len(self.seconds))
        energy += other.energy.share(share * len(seconds) / len(other.seconds))
        return Measured(seconds, largest(self.peak, other.peak), energy, flops)

    @contextmanager
    def _counted(self, counting: Context) -> Iterator[None]:
        with counting(), counted() as counter:
            yield
        self.flops = counter.flops

    @contextmanager
    def _timed(self, device: torch.device) -> Iterator[None]:
        with measured(device) as peak:
            yield
        self.seconds.append(peak.seconds)
        self.peak = largest(self.peak, peak.memory)
        self.energy += peak.energy


def measure(
    run: Callable[[], Any], device: torch.device, repeats: Repeats, *, counting: Context = nullcontext
) -> Measured:
    """Measures a function; counting: see `Measured.contexts`."""
    found = Measured()
    for context in found.contexts(device, repeats, counting=counting):
        with context:
            run()
    return found


def ceiling(device: torch.device, dtype: torch.dtype) -> float:
    """Operations per second of a product of square matrices."""
    side = SIDE[device.type if device.type in SIDE else "cpu"]
    matrix = torch.rand(side, side, device=device, dtype=dtype)
    product = torch.empty_like(matrix)
    found = measure(lambda: torch.matmul(matrix, matrix, out=product), device, Repeats())
    return found.flops / found.median


def largest(*sizes: int | None) -> int | None:
    """The largest of those that are known."""
    return max((size for size in sizes if size is not None), default=None)


def _forget_peak() -> None:
    """Resets the peak that Linux keeps, where it may."""
    try:
        CLEAR.write_text("5")
    except OSError:
        return


def _resident_peak() -> int | None:
    """Bytes, since the start of the process where the peak cannot be reset; None where the system does not say."""
    try:
        (line,) = (line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        return None
