"""Repeated measurements of a piece of code, and their median."""

from __future__ import annotations

import gc
import statistics
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import torch

from pvdm.benchmark.speed.roofline import OperationCount, counted
from pvdm.benchmark.speed.speed_options import Repeats
from pvdm.benchmark.timing import Peak, measured

Context = Callable[[], AbstractContextManager[Any]]


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
        pairs = zip(self.seconds, other.seconds, strict=False)  # the time limit may have cut one of them short
        seconds = [(1 - share) * mine + share * theirs for mine, theirs in pairs]
        operations = self.operations * (1 - share) + other.operations * share
        return Measured(seconds, _largest(self.peak, other.peak), self.held, operations)


class Measurement:
    """Counts a piece of code once, warms it up, and times its repetitions, each in one of `contexts()`.

    counting: makes the context in which the counted run takes place.
    """

    def __init__(self, device: torch.device, repeats: Repeats, *, counting: Context = nullcontext) -> None:
        self.device, self.repeats, self.counting = device, repeats, counting
        self.held: int | None = None
        self.operations: OperationCount | None = None
        self.peaks: list[Peak] = []

    def contexts(self) -> Iterator[AbstractContextManager[Any]]:
        """The contexts in which the code is to run, one after the other."""
        yield self._counted()
        for _ in range(self.repeats.warm_up):
            yield nullcontext()
        self.held = held_bytes(self.device)
        end = monotonic() + self.repeats.limit
        for number in range(self.repeats.count):
            if number and monotonic() > end:
                return
            yield self._timed()

    def found(self) -> Measured:
        """The result, when the code has run in all contexts."""
        seconds = [peak.seconds for peak in self.peaks]
        return Measured(seconds, _largest(*(peak.memory for peak in self.peaks)), self.held, self.operations)

    @contextmanager
    def _counted(self) -> Iterator[None]:
        with self.counting(), counted() as count:
            yield
        self.operations = count

    @contextmanager
    def _timed(self) -> Iterator[None]:
        with measured(self.device) as peak:
            yield
        self.peaks.append(peak)


def measure(
    run: Callable[[], Any], device: torch.device, repeats: Repeats, *, counting: Context = nullcontext
) -> Measured:
    """Measures a function; counting: see `Measurement`."""
    measurement = Measurement(device, repeats, counting=counting)
    for context in measurement.contexts():
        with context:
            run()
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
