"""The energy between two moments: of the CPU, of the GPUs that a process uses, and its CO2."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from pvdm.runtime.energy.carbon import Carbon
from pvdm.runtime.energy.counters import Counter, cpu_counter, gpu_counter

if TYPE_CHECKING:
    import torch
    from typing_extensions import Self

KWH = 3.6e6
"""Joules of a kilowatt hour."""

NO_COUNTER = "GPU: not measured, for want of a counter"


@dataclass(frozen=True)
class Energy:
    """What some work took; energies of several starts, processes or stages are added.

    Args:
        seconds: By the clock.
        cpu: Joules.
        gpu: Joules; None if a GPU worked and has no counter.
        co2: Grams; None if no country is given.
        notes: How each is known.
    """

    seconds: float = 0.0
    cpu: float = 0.0
    gpu: float | None = 0.0
    co2: float | None = 0.0
    notes: tuple[str, ...] = ()

    def __add__(self, other: Energy) -> Energy:
        """One after the other. What is not known of either is not known of both."""
        return Energy(
            self.seconds + other.seconds,
            self.cpu + other.cpu,
            None if self.gpu is None or other.gpu is None else self.gpu + other.gpu,
            None if self.co2 is None or other.co2 is None else self.co2 + other.co2,
            tuple(dict.fromkeys([*self.notes, *other.notes])),
        )

    def beside(self, other: Energy) -> Energy:
        """At the same time, in another process."""
        both = self + other
        return Energy(**{**asdict(both), "seconds": max(self.seconds, other.seconds)})

    def share(self, part: float) -> Energy:
        """A part of it, 1 being all."""
        gpu, co2 = (value if value is None else part * value for value in (self.gpu, self.co2))
        return Energy(part * self.seconds, part * self.cpu, gpu, co2, self.notes)

    @property
    def kwh(self) -> float:
        """Kilowatt hours of all that is known."""
        return (self.cpu + (self.gpu or 0.0)) / KWH

    def record(self) -> dict[str, Any]:
        """JSON-able, in kilowatt hours and grams."""
        return {
            "kwh": self.kwh,
            "cpu_kwh": self.cpu / KWH,
            "gpu_kwh": None if self.gpu is None else self.gpu / KWH,
            "co2_g": self.co2,
            "seconds": self.seconds,
            "notes": list(self.notes),
        }

    def __str__(self) -> str:
        """12.3 Wh (CPU: ...), 4.7 g CO2"""
        grams = "" if self.co2 is None else f", {self.co2:.3g} g of CO2"
        return f"{watt_hours(self.kwh)}{grams} ({'; '.join(self.notes)})"

    @classmethod
    def of_record(cls, record: Mapping[str, Any]) -> Self:
        """The inverse of `record`."""
        gpu = record["gpu_kwh"]
        joules = {"cpu": record["cpu_kwh"] * KWH, "gpu": None if gpu is None else gpu * KWH}
        return cls(record["seconds"], co2=record["co2_g"], notes=tuple(record["notes"]), **joules)


class EnergyMeter:
    """Counts from when it is made.

    Args:
        devices: Those that this process computes on.
        watts: Of a busy core, for an estimate instead of counters; by default RAPL's counters if there are any.
        carbon: The CO2 of the electricity, if it is wanted.
        has_cpu: Whether this process counts the CPU where counters are of the whole machine: one of each machine does.
    """

    def __init__(
        self,
        devices: Iterable[torch.device] = (),
        *,
        watts: float | None = None,
        carbon: Carbon | None = None,
        has_cpu: bool = True,
    ) -> None:
        used = [*devices]
        gpus = [device for device in used if device.type == "cuda"]
        self._carbon = carbon
        self._cpu = cpu_counter(watts)
        self._counts_cpu = has_cpu or not self._cpu.of_machine
        self._gpu: Counter | None = gpu_counter(gpus) if gpus else None
        self._lacks_gpu = self._gpu is None and any(device.type != "cpu" for device in used)
        self._start = self._now()

    def read(self) -> Energy:
        """What was used since the start, by this process alone."""
        seconds, cpu, gpu = (now - then for now, then in zip(self._now(), self._start, strict=True))
        cpu = cpu if self._counts_cpu else 0.0
        grams = self._carbon and self._carbon.grams * (cpu + gpu) / KWH
        notes = [self._cpu.note] * self._counts_cpu + ([self._gpu.note] if self._gpu else [])
        notes += [NO_COUNTER] * self._lacks_gpu + ([self._carbon.note] if self._carbon else [])
        return Energy(seconds, cpu, None if self._lacks_gpu else gpu, grams, tuple(notes))

    def _now(self) -> tuple[float, float, float]:
        return time.monotonic(), self._cpu.joules(), self._gpu.joules() if self._gpu else 0.0


def watt_hours(kwh: float) -> str:
    """0.0123 kWh -> 12.3 Wh"""
    for unit, size in (("kWh", 1), ("Wh", 1e3)):
        if kwh * size >= 1:
            return f"{kwh * size:.3g} {unit}"
    return f"{kwh * 1e6:.3g} mWh"
