"""The top of the report, its main figures at a glance, and its end: how it was measured and what is missing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from textwrap import shorten
from typing import Any

from pvdm.benchmark.report.figures import RANKED, floor, floor_below, protocol_cell, setting_of
from pvdm.benchmark.report.markup import (
    badge,
    decimal,
    details,
    paragraph,
    table,
    table_row,
    text,
    trust_badge,
    value_cell,
)
from pvdm.benchmark.report.published import Published, published
from pvdm.benchmark.report.reconstruction import RECONSTRUCTION
from pvdm.benchmark.report.results import Figure, Results, number

GLANCE = {"fvd16": "FVD16", "fvd128": "FVD128", "is": "Inception score", "rfvd": "R-FVD", "psnr": "PSNR, dB"}
PAPER_SETTING = "400/400"
RANDOM_NOTE = (
    "The feature network of these has random weights. They show that the measurement works, and rank nothing: "
    "they are no FVD."
)


def subtitle(results: Results) -> str:
    """The model in a line."""
    size = "{}x{} pixels".format(*results.size) if results.size else None
    parameters, step = number(results.model.get("parameters")), number(results.model.get("training_step"))
    words = (
        results.model.get("path"),
        size,
        f"{results.clip_frames} frames a clip",
        f"{parameters / 1e6:.1f} M parameters" if parameters else None,
        f"training step {int(step)}" if step is not None else None,
        results.hardware.get("device"),
    )
    return " · ".join(f"<span>{text(word)}</span>" for word in words if word)


def remark(results: Results) -> str:
    """What one must know before reading any figure."""
    lines = [results.remark] if results.remark else []
    if results.quick and not lines:
        lines.append("A quick run: few clips and steps, to see that everything works.")
    return f'<div class="banner" role="note">{"".join(paragraph(text(line)) for line in lines)}</div>' if lines else ""


def glance(results: Results) -> str:
    """Our main figures large, PVDM's small."""
    tiles = []
    for name, label in GLANCE.items():
        figure, theirs = _main(results, name), _pvdm(results, name)
        if figure is not None or theirs is not None:
            tiles.append(_tile(label, figure, theirs))
    return f'<dl class="glance">{"".join(tiles)}</dl>'


def _tile(label: str, figure: Figure | None, theirs: Published | None) -> str:
    told = setting_of(figure) if figure is not None else ""
    value = None if figure is None else figure.value
    missing = (figure.missing if figure is not None else None) or "this benchmark did not measure it"
    spread = None if figure is None else figure.spread_over_splits
    mine = value_cell(value, spread, _in_short(missing), over="splits") + (floor_below(figure) if figure else "")
    paper = (
        "" if theirs is None else f"<p>{text(theirs.method)} {decimal(theirs.value, 5)} {trust_badge(theirs.trust)}</p>"
    )
    marks = badge("warn", "few clips") if figure is not None and figure.few and value is not None else ""
    kind = "" if value is not None else " no-value"
    name = f"<dt>{text(label)} <small>{text(told)}</small></dt>"
    return f'<div class="tile{kind}">{name}<dd>{mine} {marks}{paper}</dd></div>'


def _in_short(reason: str) -> str:
    """The reason without the remedy, which stands below."""
    return f"No value: {shorten(reason.partition('; ')[0], 90, placeholder=' …')}"


def _main(results: Results, name: str) -> Figure | None:
    """The figure of an id that stands for it: one that has a value, of the paper's setting, of the test part."""
    found = [figure for figure in results.figures if figure.id == name]
    wanted = lambda figure: (figure.value is None, figure.setting != PAPER_SETTING, figure.part == "train")  # noqa: E731
    return min(found, key=wanted, default=None)


def _pvdm(results: Results, name: str) -> Published | None:
    """The paper's figure: of the released setting, of the test part."""
    rows = [
        row
        for row in published(results.dataset)
        if row.id == name and row.method in ("PVDM-L", "PVDM") and row.size == 256
    ]
    return min(rows, key=lambda row: (row.setting != PAPER_SETTING, row.part == "train"), default=None)


def other_figures(results: Results) -> str:
    """Figures that no other table of the page shows, and those of the random detector by themselves."""
    others = [f for f in results.figures if not f.is_random and f.id not in RANKED and f.id not in RECONSTRUCTION]
    random = [figure for figure in results.figures if figure.is_random]
    parts = []
    if others:
        parts.append(_figures_table("Coherence, naturalness and diversity", others))
    if random:
        checks = paragraph(RANDOM_NOTE, "callout warn") + _figures_table("fvd-random", random)
        parts.append(details(f"{len(random)} checks of the measurement: fvd-random, which is no FVD", checks))
    return "".join(parts) or paragraph("No further figure was measured.", "missing")


def all_figures(results: Results) -> str:
    """Every figure with its protocol and counts."""
    return _figures_table("Every figure with its protocol and counts", results.figures)


def _figures_table(caption: str, figures: Sequence[Figure]) -> str:
    """Columns that no figure fills are left out."""
    optional = {"Floor": floor, "Real clips": _real}
    shown = {
        name: cell
        for (name, cell), field in zip(optional.items(), ("floor", "real"), strict=True)
        if any(getattr(figure, field) is not None for figure in figures)
    }
    head = ["Figure", "Setting", "Value", *shown, "Better", "Protocol", "Clips"]
    return table(caption, head, [_figure_row(figure, list(shown.values())) for figure in figures])


def _figure_row(figure: Figure, optional: Sequence[Callable[[Figure], str]]) -> str:
    note = f'<small class="remark">{text(figure.note)}</small>' if figure.note else ""
    cells = [
        text(setting_of(figure)),
        value_cell(figure.value, figure.spread_over_splits, figure.missing, over="splits") + note,
        *(cell(figure) for cell in optional),
        text(figure.better),
        protocol_cell(figure),
        _counts(figure.counts),
    ]
    return table_row(text(figure.name), cells)


def _real(figure: Figure) -> str:
    return '<span class="quiet">none</span>' if figure.real is None else decimal(figure.real)


def _counts(counts: dict[str, Any]) -> str:
    return ", ".join(
        f"{text(name).replace('_', ' ')} {text(value)}" for name, value in counts.items() if value is not None
    )


def _said(value: Any) -> str:
    """A value of any kind as words."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {item}" for name, item in value.items())
    return str(value)


def circumstances(results: Results) -> str:
    """Model, machine, versions, and how long each task took."""
    entries = {
        "Command": results.command,
        **{f"Model: {name.replace('_', ' ')}": value for name, value in results.model.items()},
        **dict(_hardware(name, value) for name, value in results.hardware.items()),
        **{f"Version of {name}": value for name, value in results.versions.items()},
    }
    rows = [
        table_row(text(name), (f"<code>{text(_said(value))}</code>",))
        for name, value in entries.items()
        if value is not None
    ]
    times = [
        table_row(text(name), (f"{decimal(value)} s",))
        for name, seconds in results.seconds.items()
        if (value := number(seconds)) is not None
    ]
    taken = table("Time of each task", ("Task", "Time"), times) if times else ""
    return table("Circumstances", ("What", "Value"), rows, kind="wide") + taken


def _hardware(name: str, value: Any) -> tuple[str, Any]:
    """A line on the machine, its memory as people say it."""
    if name.endswith("_bytes") and number(value) is not None:
        return f"Hardware: {name.removesuffix('_bytes').replace('_', ' ')}", f"{value / 2**30:.0f} GiB"
    return f"Hardware: {name.replace('_', ' ')}", value


def missing_files(missing: dict[str, str]) -> str:
    """Files that results.json names and that could not be shown."""
    if not missing:
        return ""
    lines = "".join(f"<li><code>{text(name)}</code>: {text(reason)}</li>" for name, reason in missing.items())
    return f'<div class="callout warn" id="missing"><p>Files that are not shown:</p><ul>{lines}</ul></div>'
