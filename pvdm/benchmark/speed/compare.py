"""Two documents of `pvdm benchmark speed` side by side, and what makes them differ besides the code."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pvdm.benchmark.speed.report import FORMAT, aligned, seconds_text
from pvdm.benchmark.work import read_json
from pvdm.errors import InputError

CONDITIONS = ("subject", "settings", "machine", "versions")
"""Splits of a document that two of them should share."""

VARYING = ("pvdm",)
"""Versions that are what is compared."""


def read_document(path: Path) -> dict[str, Any]:
    """A document; InputError if the file is none."""
    found = read_json(path)
    if not isinstance(found, dict) or found.get("format") != FORMAT or not isinstance(found.get("tasks"), list):
        raise InputError(f"{path} is no result of pvdm benchmark speed", "give the file of its --output")
    return found


def comparison(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """Old, new and how many times as fast, for each task that both have, and what else is not the same."""
    before = {task["task"]: task for task in old["tasks"]}
    rows = [("task", "old", "new", "times as fast", "remark")]
    for task in new["tasks"]:
        if task["task"] in before:
            rows.append(_row(before[task["task"]], task))
    lost = [name for name in before if name not in {task["task"] for task in new["tasks"]}]
    remarks = differences(old, new)
    remarks += [f"only in the old one: {', '.join(lost)}"] if lost else []
    return "\n".join([aligned(rows), *remarks])


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Sentences that name each setting, size and part of the machine that differs."""
    found = []
    for part in CONDITIONS:
        mine, theirs = (_flat(document.get(part) or {}) for document in (new, old))
        names = [name for name in {**theirs, **mine} if name not in VARYING and mine.get(name) != theirs.get(name)]
        found += [f"{part}: {name} was {theirs.get(name)} and is {mine.get(name)}" for name in names]
    return found


def _row(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[str, ...]:
    times = [task.get("seconds") for task in (old, new)]
    shown = ["-" if value is None else seconds_text(value) for value in times]
    per_item = [None if value is None else value / task["items"] for value, task in zip(times, (old, new), strict=True)]
    ratio = "-" if None in per_item else f"{per_item[0] / per_item[1]:.2f}"
    changed = old.get("flops") != new.get("flops") and None not in times
    remark = f"{_billions(old)} GFLOP became {_billions(new)}" if changed else ""
    return new["task"], *shown, ratio, remark


def _billions(task: Mapping[str, Any]) -> str:
    return f"{task['flops'] / 1e9:.4g}"


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested values by their names with dots."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        flat |= _flat(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {f"{prefix}{name}": value}
    return flat
