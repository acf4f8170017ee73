"""Time and memory to sample, and the largest training batch, beside the published ones."""

from __future__ import annotations

from collections.abc import Sequence

from pvdm.benchmark.report.markup import badge, decimal, link, table, table_row, text, trust_badge, value_cell
from pvdm.benchmark.report.published import Efficiency, efficiency
from pvdm.benchmark.report.results import LargestBatch, Results, Speed

GIGA = 1e9
PUBLISHED_HEAD = ("Method", "Frames", "Size", "Seconds", "Memory, GB", "Training batch", "Device", "Source")


def speed_table(results: Results) -> str:
    """Ours, a line for each setting, and the published ones, which are of other machines and sizes."""
    if not results.speed:
        return '<p class="missing">Sampling was not timed.</p>'
    lengths = sorted({speed.frames for speed in results.speed})
    settings = dict.fromkeys((speed.setting, speed.sampler, speed.device) for speed in results.speed)
    head = [
        "Setting",
        *(f"{name}, {frames} frames" for frames in lengths for name in ("Seconds", "Memory, GB")),
        "Device",
    ]
    size = "" if results.size is None else " of {}x{} pixels".format(*results.size)
    rows = [_ours(results.speed, setting, lengths) for setting in settings]
    return table(f"Time to sample one video{size}, and the peak memory of it", head, rows)


def _ours(measured: Sequence[Speed], setting: tuple[str | None, ...], lengths: Sequence[int]) -> str:
    mine = {speed.frames: speed for speed in measured if (speed.setting, speed.sampler, speed.device) == setting}
    steps, sampler, device = setting
    name = f"{text(steps or 'as configured')} <small>{text(sampler or '')}</small>"
    cells = [cell for frames in lengths for cell in _time_and_memory(mine.get(frames))]
    return table_row(name, (*cells, text(device or "not recorded")))


def _time_and_memory(speed: Speed | None) -> tuple[str, str]:
    if speed is None:
        return ('<span class="quiet">not measured</span>',) * 2
    seconds = None if speed.seconds is None else speed.seconds / max(speed.batch, 1)
    memory = None if speed.peak_memory_bytes is None else speed.peak_memory_bytes / GIGA
    batch = badge("plain", f"{speed.batch} at once", "time is per video, memory of all") if speed.batch > 1 else ""
    return f"{value_cell(seconds, None, speed.missing)} {batch}", value_cell(memory, None, speed.missing)


def batch_table(results: Results) -> str:
    """The largest training batch in a given memory, for each stage."""
    if not results.largest_batch:
        return '<p class="missing">The largest training batch was not looked for, which takes a GPU.</p>'
    rows = [_batch_row(entry) for entry in results.largest_batch]
    return table("Largest training batch", ("Stage", "Memory, GiB", "Clips"), rows)


def published_speed() -> str:
    """Times and memory that others have published."""
    rows = [_published_row(entry) for entry in efficiency()]
    return table(
        "Published times and memory to sample one video, each on the device it names",
        PUBLISHED_HEAD,
        rows,
        kind="speed",
    )


def _published_row(entry: Efficiency) -> str:
    setting = f" <small>{text(entry.setting)}</small>" if entry.setting else ""
    note = f'<small class="remark">{text(entry.note)}</small>' if entry.note else ""
    batch = "not found" if entry.batch is None else "none fits" if entry.batch == 0 else text(entry.batch)
    cells = (
        text(entry.frames),
        f"{entry.size}x{entry.size}",
        ("&gt; " if entry.at_least else "") + decimal(entry.seconds),
        decimal(entry.memory),
        batch,
        text(entry.device),
        f"{trust_badge(entry.trust)} {link(entry.source, entry.url)}{note}",
    )
    return table_row(f"{text(entry.method)}{setting}", cells, kind="pvdm" if entry.method.startswith("PVDM") else "")


def _batch_row(entry: LargestBatch) -> str:
    memory = '<span class="quiet">not recorded</span>' if entry.memory_gib is None else decimal(entry.memory_gib)
    return table_row(text(entry.stage), (memory, value_cell(entry.batch, None, entry.missing)))
