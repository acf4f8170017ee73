"""The result of an evaluation over seeds, and the JSON file that holds it."""

from __future__ import annotations

import json
import math
import os
import platform
import shlex
import statistics
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from pvdm.evaluation.metrics.score import Score, Scores
from pvdm.files.atomic_write import replacing

FORMAT = "pvdm-evaluation"
PACKAGES = (
    *("pvdm", "torch", "torchvision", "numpy", "scipy", "torchmetrics", "lpips"),
    *("opencv-python-headless", "scikit-video", "pillow", "av"),
)


def over_seeds(scores: Mapping[int, Scores]) -> dict[str, dict[str, Any]]:
    """By metric: the value of each seed, their mean, and their sample standard deviation (None for a single seed)."""
    first = next(iter(scores.values()))
    return {name: _metric({seed: of_seed.by_name[name] for seed, of_seed in scores.items()}) for name in first.by_name}


def _metric(scores: Mapping[int, Score]) -> dict[str, Any]:
    first = next(iter(scores.values()))
    values = {str(seed): _number(score.value) for seed, score in scores.items()}
    known = [value for value in values.values() if value is not None]
    is_complete = len(known) == len(values)
    metric = {
        "value": statistics.fmean(known) if is_complete else None,
        "spread": statistics.stdev(known) if is_complete and len(known) > 1 else None,
        "by_seed": values,
        "better": first.better,
    }
    for name in ("real", "frozen", "spread_over_splits"):
        others = [getattr(score, name) for score in scores.values()]
        if None not in others:
            metric[name] = _number(statistics.fmean(others))
    if None not in (intervals := [score.interval for score in scores.values()]):
        metric["interval"] = [_number(statistics.fmean(ends)) for ends in zip(*intervals, strict=True)]
    floors = [score.floor for score in scores.values()]
    if None not in floors:
        metric["floor"] = _number(statistics.fmean(floor.value for floor in floors))
        metric["floor_clips"] = list(floors[0].clips)
    if first.note:
        metric["note"] = first.note
    return metric if is_complete else {**metric, "missing": first.missing or "the value is not finite; check the clips"}


def document(results: Sequence[Mapping[str, Any]], *, device: torch.device | str) -> dict[str, Any]:
    """The content of the file that `pvdm evaluate` writes."""
    return {
        "format": FORMAT,
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "versions": versions(),
        "hardware": hardware(device),
        "command": shlex.join(["pvdm", *sys.argv[1:]]),
        "results": list(results),
    }


def write_document(path: Path, content: Mapping[str, Any], *, overwrite: bool = False) -> None:
    """Writes JSON atomically; InputError as for `pvdm.files.atomic_write.replacing`."""
    text = json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False)
    with replacing(path, overwrite=overwrite) as temporary:
        # File names that are not UTF-8 become JSON escapes.
        temporary.write_text(text + "\n", encoding="utf-8", errors="backslashreplace")


def versions(packages: Sequence[str] = PACKAGES) -> dict[str, str]:
    """Versions of Python and of the packages that scores depend on."""
    found = {"python": platform.python_version()}
    for name in packages:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # installed under another name, or not available for this system
            found[name] = "unknown"
    return found


def hardware(device: torch.device | str) -> dict[str, Any]:
    """The device and its name, the processor architecture, its cores, and the memory in bytes."""
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
    """None for infinity and NaN, which JSON does not have."""
    return None if value is None or not math.isfinite(value) else float(value)
