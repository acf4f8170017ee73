"""Repeated, interleaved measurements of pieces of code, and their medians."""

from __future__ import annotations

import gc
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import torch

from pvdm.benchmark.speed.roofline import OperationCount, counted
from pvdm.benchmark.speed.speed_options import Repeats
from pvdm.benchmark.timing import Peak, measured

Run = Callable[[], Any]
Context = Callable[[], AbstractContextManager[Any]]
Turn = tuple[str, AbstractContextManager[Any]]


@dataclass
class Measured:
    """What was found for one piece of code.

    Args:
        seconds: Of each repetition.
        peak: The most memory of any repetition, in bytes: allocated on CUDA, else the process's, if known.
        held: In use before them, in bytes: weights and inputs, and except on CUDA the program itself.
        operations: Of one run.
        items: Clips or frames of one run; None means the batch size.
        extra: What else there is to say, JSON-able.
    """

    seconds: list[float]
    peak: int | None
    held: int | None
    operations: OperationCount
    items: int | None = None
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    def mixed(self, other: Measured, share: float) -> Measured:
        """As if `share` of the runs had been the other's: times and operations in proportion, the larger peak."""
        pairs = zip(sorted(self.seconds), sorted(other.seconds), strict=True)
        seconds = [(1 - share) * mine + share * theirs for mine, theirs in pairs]
        operations = self.operations * (1 - share) + other.operations * share
        return Measured(seconds, _largest(self.peak, other.peak), self.held, operations)


class Measurement:
    """Pieces of code by name, each counted once, warmed up, and then timed in turn with the others: A B, A B, ...

    alike: They do the same, so that only the first is counted.
    """

    def __init__(
        self,
        names: Sequence[str],
        device: torch.device,
        repeats: Repeats,
        *,
        counting: Context = nullcontext,
        alike: bool = False,
    ) -> None:
        self.device, self.repeats, self.counting, self.alike = device, repeats, counting, alike
        self.held: int | None = None
        self.counts: dict[str, OperationCount] = {}
        self.peaks: dict[str, list[Peak]] = {name: [] for name in names}

    def turns(self) -> Iterator[Turn]:
        """What runs next, and the context to run it in."""
        names = list(self.peaks)
        for name in names[:1] if self.alike else names:
            yield name, self._counted(name)
        for name in names * self.repeats.warm_up:
            yield name, nullcontext()
        self.held = held_bytes(self.device)
        end = monotonic() + self.repeats.limit
        for number in range(self.repeats.count):
            if number and monotonic() > end:
                return
            for name in names:
                yield name, self._timed(name)

    def found(self) -> dict[str, Measured]:
        """The result of each piece, when all turns have run."""
        return {name: self._found(name) for name in self.peaks}

    def _found(self, name: str) -> Measured:
        peaks = self.peaks[name]
        count = next(iter(self.counts.values())) if self.alike else self.counts[name]
        return Measured([peak.seconds for peak in peaks], _largest(*(peak.memory for peak in peaks)), self.held, count)

    @contextmanager
    def _counted(self, name: str) -> Iterator[None]:
        with self.counting(), counted() as count:
            yield
        self.counts[name] = count

    @contextmanager
    def _timed(self, name: str) -> Iterator[None]:
        with measured(self.device) as peak:
            yield
        self.peaks[name].append(peak)


def measure(
    runs: Mapping[str, Run],
    device: torch.device,
    repeats: Repeats,
    *,
    counting: Context = nullcontext,
    alike: bool = False,
) -> dict[str, Measured]:
    """Measures the runs in turn; those that are counted run in the context of `counting`. alike: see `Measurement`."""
    measurement = Measurement(list(runs), device, repeats, counting=counting, alike=alike)
    for name, context in measurement.turns():
        with context:
            runs[name]()
    return measurement.found()


def held_bytes(device: torch.device) -> int | None:
    """Memory in use now: allocated on CUDA, else the process's; None where the system does not say."""
    gc.collect()
    if device.type == "cuda":
        return torch.cuda.memory_allocated(device)
    with measured(device) as peak:  # the peak of nothing is what is in use
        pass
    return peak.memory


def _largest(*sizes: int | None) -> int | None:
    return max((size for size in sizes if size is not None), default=None)
