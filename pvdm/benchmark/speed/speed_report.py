"""The file of `pvdm benchmark speed`: its entries, its table, and two files side by side."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pvdm.benchmark.result_store import read_json
from pvdm.benchmark.speed.measuring import GIB, Measured
from pvdm.errors import InputError

FORMAT = "pvdm-speed"
HEAD = ("task", "time", "least", "most", "of", "items/s", "GFLOP", "of product", "peak GiB")
PLAIN_HEAD = ("plain", "ratio")
"""Columns of files of version 0.1, which timed the networks as the released code computes them, too."""

CONDITIONS = ("subject", "settings", "machine", "versions")
"""Parts that two files should share."""


def entry(task: str, found: Measured | str, ceiling: float, *, unit: str, batch: int) -> dict[str, Any]:
    """Everything that the file says about a task; a text is the reason why there is nothing."""
    if isinstance(found, str):
        return {"task": task, "missing": found}
    items = found.items or batch
    return {
        "task": task,
        "missing": None,
        "unit": unit,
        "items": items,
        "items_per_second": items / found.median,
        "seconds": found.median,
        "all_seconds": found.seconds,
        "flops": found.flops,
        "share_of_product": found.flops / found.median / ceiling,
        "peak_memory_bytes": found.peak,
        "energy": found.energy.share(1 / len(found.seconds)).record(),
        **found.extra,
    }


def read_speed(path: Path) -> dict[str, Any]:
    """The content of a file; InputError if it is not one of `pvdm benchmark speed`."""
    found = read_json(path)
    if not isinstance(found, dict) or found.get("format") != FORMAT or not isinstance(found.get("tasks"), list):
        raise InputError(f"{path} is no result of pvdm benchmark speed", "give the file of its --output")
    return found


def table(document: Mapping[str, Any]) -> str:
    """The ceiling, a line for each task, and notes below."""
    entries = document["tasks"]
    has_plain = any("plain" in task for task in entries)
    rows = [(*HEAD, *PLAIN_HEAD * has_plain), *(_row(task)[: None if has_plain else len(HEAD)] for task in entries)]
    notes = [f"{task['task']}: {note}" for task in entries if (note := _note(task))]
    notes += [
        f"largest batch, {batch['stage']}, {batch['memory_gib']} GiB: {batch['missing'] or batch['batch']}"
        for batch in document.get("largest_batches", ())
    ]
    product = document["ceiling"]["flops_per_second"] / 1e9
    return "\n".join([f"product {product:.4g} GFLOP/s", _aligned(rows), *notes])


def _row(task: Mapping[str, Any]) -> tuple[str, ...]:
    if task["missing"]:
        return (task["task"], *["-"] * (len(HEAD) + len(PLAIN_HEAD) - 1))
    seconds, peak, plain = task["all_seconds"], task["peak_memory_bytes"], task.get("plain")
    work = ("-", "-")  # of reading, which uses no network
    if task["flops"]:
        work = (f"{task['flops'] / 1e9:.4g}", f"{task['share_of_product']:.0%}")
    return (
        task["task"],
        *map(_seconds, (task["seconds"], min(seconds), max(seconds))),
        str(len(seconds)),
        f"{task['items_per_second']:.3g}",
        *work,
        "-" if peak is None else f"{peak / GIB:.2f}",
        _seconds(plain["seconds"]) if plain else "",
        f"{task['ratio_to_plain']:.2f}" if plain else "",
    )


def _note(task: Mapping[str, Any]) -> str | None:
    if task["missing"]:
        return task["missing"]
    if core := task.get("one_core"):  # of files of version 0.1
        rates = (f"{core[name]:.3g}" for name in ("clips_per_second", "whole_file_clips_per_second", "ratio"))
        return "one core reads {} clips per second, and {} by whole files: {} times as many".format(*rates)
    if "first_clip_seconds" in task:
        rate = task["frames_per_second_after_it"]
        after = f", then {rate:.3g} frames per second" if rate is not None else ""
        return f"the first clip after {_seconds(task['first_clip_seconds'])}{after}"
    return None


def comparison(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """Old, new and the speed-up of an item for each task that both have, and everything else that differs."""
    before = {task["task"]: task for task in old["tasks"] if not task["missing"]}
    rows = [("task", "old", "new", "times as fast")]
    for task in new["tasks"]:
        if not task["missing"] and (then := before.get(task["task"])):
            ratio = then["seconds"] / then["items"] * task["items"] / task["seconds"]
            rows.append((task["task"], _seconds(then["seconds"]), _seconds(task["seconds"]), f"{ratio:.2f}"))
    return "\n".join([_aligned(rows), *differences(old, new)])


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """A sentence for each setting, network and part of the machine that differs; our version is what is compared."""
    new = json.loads(json.dumps(new))  # as `old` was read: lists for tuples
    pairs = [(part, old.get(part) or {}, new.get(part) or {}) for part in CONDITIONS]
    return [
        f"{part}: {name} was {before.get(name)} and is {now.get(name)}"
        for part, before, now in pairs
        for name in {**before, **now}
        if name != "pvdm" and before.get(name) != now.get(name)
    ]


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    """The first column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])] for row in rows)
    return "\n".join("  ".join(line).rstrip() for line in lines)


def _seconds(value: float) -> str:
    return f"{value:.3g} s" if value >= 1 else f"{value * 1e3:.3g} ms"
