"""What was measured, as JSON and as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pvdm.benchmark.speed.machine import Ceiling
from pvdm.benchmark.speed.measuring import Measured
from pvdm.benchmark.timing import GIB

FORMAT = "pvdm-speed"
HEAD = (
    "task",
    "time",
    "least",
    "most",
    "of",
    "items/s",
    "GFLOP",
    "of product",
    "of copy",
    "peak GiB",
    "plain",
    "ratio",
)


def entry(task: str, found: Measured | str, ceiling: Ceiling, *, unit: str, batch: int) -> dict[str, Any]:
    """All that the document says of one task; a text is why there is nothing."""
    if isinstance(found, str):
        return {"task": task, "missing": found}
    items = found.items or batch
    values = {"task": task, "missing": None, "unit": unit, "items": items, "items_per_second": items / found.median}
    values |= _figures(found, ceiling)
    if found.plain is not None:
        values["plain"] = {"precision": "32", **_figures(found.plain, ceiling)}
        values["ratio_to_plain"] = found.plain.median / found.median
    return values | found.extra


def _figures(found: Measured, ceiling: Ceiling) -> dict[str, Any]:
    return {
        "seconds": found.median,
        "all_seconds": found.seconds,
        "flops": found.work.flops,
        "bytes_moved": found.work.bytes,
        "share_of_product": found.work.flops / found.median / ceiling.flops_per_second,
        "share_of_copy": found.work.bytes / found.median / ceiling.bytes_per_second,
        "peak_memory_bytes": found.peak,
        "held_before_bytes": found.held,
    }


def table(document: Mapping[str, Any]) -> str:
    """A line for each task, the ceilings above them, and below what else they say."""
    entries = document["tasks"]
    rows = [HEAD, *(_row(task) for task in entries)]
    lines = aligned([row[:10] if not any("plain" in task for task in entries) else row for row in rows])
    notes = [f"{task['task']}: {note}" for task in entries if (note := _note(task))]
    notes += [_largest(batch) for batch in document.get("largest_batches", ())]
    product, copy = (document["ceiling"][name] / 1e9 for name in ("flops_per_second", "bytes_per_second"))
    head = f"product {product:.4g} GFLOP/s, copy {copy:.4g} GB/s"
    memory = document.get("memory")
    return "\n".join([head, lines, *notes, *([memory_table(memory)] if memory else [])])


def memory_table(memory: Mapping[str, Any]) -> str:
    """For each stage and setting of activation checkpointing: GiB of a clip, and the batch that fits into 24 GiB."""
    rows = [("kept for the backward pass", "GiB per clip", "at the most", "computed again", "batch on 24 GiB")]
    for stage in ("autoencoder", "diffusion"):
        for name, found in memory[stage]["settings"].items():
            sizes = (found["kept"]["per_clip"], found["peak_per_clip"])
            shown = (*(f"{size / GIB:.2f}" for size in sizes), f"{found['flops_again']:.0%}")
            rows.append((f"{stage}, checkpointing {name}", *shown, str(found["batch_on_24_gib"])))
    peaks = ", ".join(f"{name} {memory['sampling'][name] / GIB:.2f} GiB" for name in ("weights", "denoise", "decode"))
    return f"{aligned(rows)}\nsampling a clip with bfloat16 weights: {peaks}"


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """The first column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])] for row in rows)
    return "\n".join("  ".join(line).rstrip() for line in lines)


def seconds_text(value: float) -> str:
    """With its unit."""
    return f"{value:.3g} s" if value >= 1 else f"{value * 1e3:.3g} ms"


def _row(task: Mapping[str, Any]) -> tuple[str, ...]:
    if task["missing"]:
        return (task["task"], *["-"] * (len(HEAD) - 1))
    seconds, peak = task["all_seconds"], task["peak_memory_bytes"]
    plain = task.get("plain")
    return (
        task["task"],
        *map(seconds_text, (task["seconds"], min(seconds), max(seconds))),
        str(len(seconds)),
        f"{task['items_per_second']:.3g}",
        *_shares(task),
        "-" if peak is None else f"{peak / GIB:.2f}",
        seconds_text(plain["seconds"]) if plain else "",
        f"{task['ratio_to_plain']:.2f}" if plain else "",
    )


def _shares(task: Mapping[str, Any]) -> tuple[str, str, str]:
    """Operations, and shares of the ceilings; reading is no matter of the networks' ones."""
    if not task["flops"]:
        return "-", "-", "-"
    return f"{task['flops'] / 1e9:.4g}", f"{task['share_of_product']:.0%}", f"{task['share_of_copy']:.0%}"


def _largest(batch: Mapping[str, Any]) -> str:
    """A line of the largest batch in a memory, or why none is known."""
    return f"largest batch, {batch['stage']}, {batch['memory_gib']} GiB: {batch['missing'] or batch['batch']}"


def _note(task: Mapping[str, Any]) -> str | None:
    if task["missing"]:
        return task["missing"]
    if task["task"] == "read":
        core = task["one_core"]
        rates = (f"{core[name]:.3g}" for name in ("clips_per_second", "whole_file_clips_per_second", "ratio"))
        return "one core reads {} clips per second, and {} by whole files: {} times as many".format(*rates)
    if task["task"] == "stream":
        rate = task["frames_per_second_after_it"]
        after = f", then {rate:.3g} frames per second" if rate is not None else ""
        return f"the first clip after {seconds_text(task['first_clip_seconds'])}{after}"
    return None
