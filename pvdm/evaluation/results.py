"""What a measurement found, and the JSON file and the table in which it is told."""

from __future__ import annotations

import json
import math
import os
import platform
import shlex
import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

import torch

from pvdm.evaluation.metrics.floor import Floor
from pvdm.evaluation.result_table import table as table
from pvdm.files.atomic_write import replacing

FORMAT = "pvdm-evaluation"
PACKAGES = (
    *("pvdm", "torch", "torchvision", "numpy", "scipy", "torchmetrics", "lpips"),
    *("opencv-python-headless", "scikit-video", "pillow", "av"),
)
Better = Literal["lower", "higher", "like real"]


@dataclass(frozen=True)
class Score:
    """One figure of one repetition.

    Args:
        value: None where there is none, and `missing` says why.
        better: Which values are good: low ones, high ones, or those of real clips.
        real: The same figure of the real clips.
        floor: Of a distance: what real clips have against other real clips.
        spread_over_splits: Standard deviation of the parts of which an inception score is the mean.
        missing: Why there is no value, and what to do.
        note: How it is to be read, where it alone would mislead.
    """

    value: float | None
    better: Better
    real: float | None = None
    floor: Floor | None = None
    spread_over_splits: float | None = None
    missing: str | None = None
    note: str | None = None


@dataclass(frozen=True)
class Outcome:
    """All figures of one repetition by name, and `details`, JSON-able: curves and lists."""

    figures: Mapping[str, Score]
    details: Mapping[str, Any] = field(default_factory=dict)


def over_seeds(outcomes: Mapping[int, Outcome]) -> dict[str, dict[str, Any]]:
    """By metric: mean and (sample) standard deviation over the seeds, None of a single one, and the value of each."""
    first = next(iter(outcomes.values()))
    return {
        name: _metric({seed: outcome.figures[name] for seed, outcome in outcomes.items()}) for name in first.figures
    }


def _metric(figures: Mapping[int, Score]) -> dict[str, Any]:
    first = next(iter(figures.values()))
    values = {str(seed): _number(figure.value) for seed, figure in figures.items()}
    known = [value for value in values.values() if value is not None]
    is_whole = len(known) == len(values)
    metric = {
        "value": statistics.fmean(known) if is_whole else None,
        "spread": statistics.stdev(known) if is_whole and len(known) > 1 else None,
        "by_seed": values,
        "better": first.better,
    }
    for name in ("real", "spread_over_splits"):
        others = [getattr(figure, name) for figure in figures.values()]
        if None not in others:
            metric[name] = _number(statistics.fmean(others))
    floors = [figure.floor for figure in figures.values()]
    if None not in floors:
        metric["floor"] = _number(statistics.fmean(floor.value for floor in floors))
        metric["floor_clips"] = list(floors[0].clips)
    if first.note:
        metric["note"] = first.note
    return metric if is_whole else {**metric, "missing": first.missing or "the value is no number; look at the clips"}


def document(results: Sequence[Mapping[str, Any]], *, device: torch.device | str) -> dict[str, Any]:
    """All that the file of `pvdm evaluate` holds."""
    return {
        "format": FORMAT,
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "versions": versions(),
        "hardware": hardware(device),
        "command": shlex.join(["pvdm", *sys.argv[1:]]),
        "results": list(results),
    }


def write_document(path: Path, content: Mapping[str, Any], *, overwrite: bool = False) -> None:
    """JSON, under its name only once it is whole; InputError as for `pvdm.files.atomic_write.replacing`."""
    text = json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False)
    with replacing(path, overwrite=overwrite) as temporary:
        # A name that is not UTF-8 is written as JSON escapes.
        temporary.write_text(text + "\n", encoding="utf-8", errors="backslashreplace")


def versions(packages: Sequence[str] = PACKAGES) -> dict[str, str]:
    """Of Python and the packages on which figures depend."""
    found = {"python": platform.python_version()}
    for name in packages:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # another build of it, under another name, or none for this system
            found[name] = "unknown"
    return found


def hardware(device: torch.device | str) -> dict[str, Any]:
    """What computed: the device and its name, the processor, its cores and the memory."""
    device = torch.device(device)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor() or platform.machine()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else None
    return {
        "device": device.type,
        "name": name,
        "cpu": platform.machine(),
        "cores": os.cpu_count(),
        "memory_bytes": memory,
    }


def _number(value: float | None) -> float | None:
    """JSON knows neither infinity nor NaN."""
    return None if value is None or not math.isfinite(value) else float(value)
