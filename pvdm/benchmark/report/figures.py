"""Our figures beside the published ones, each with its source and what keeps them from being compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pvdm.benchmark.report.markup import (
    badge,
    decimal,
    details,
    link,
    paragraph,
    table,
    table_row,
    text,
    trust_badge,
    value_cell,
)
from pvdm.benchmark.report.published import Published, notes, published
from pvdm.benchmark.report.results import Figure, Results

RANKED = {"fvd16": "FVD of 16 frames", "fvd128": "FVD of 128 frames", "is": "Inception score"}
HIGHER = ("is", "psnr", "ssim")
CUSTOM = "custom"


def is_comparable(row: Published) -> bool:
    """Whether a published value is of the paper's table: 256x256, and not told the class."""
    return row.size == 256 and not row.classes


def setting_of(figure: Figure) -> str:
    """Steps, solver and part of a figure in words."""
    return ", ".join(word for word in (figure.setting, figure.sampler, figure.part) if word)


def rankings(results: Results) -> str:
    """One table for each figure of the paper's generation table, best first."""
    rows = published(results.dataset)
    panels = [_ranking(results, name, [row for row in rows if row.id == name]) for name in RANKED]
    remarks = "".join(f"<li>{text(note.text)} {link('source', note.url)}</li>" for note in notes(results.dataset))
    return "".join(panels) + (f'<ul class="notes">{remarks}</ul>' if remarks else "")


def _ranking(results: Results, name: str, rows: list[Published]) -> str:
    ours = [figure for figure in results.figures if figure.id == name]
    if not ours and not rows:
        return ""
    arrow = "higher is better" if name in HIGHER else "lower is better"
    main = [row for row in rows if is_comparable(row)]
    other = [row for row in rows if not is_comparable(row)]
    values = [row.value for row in rows] + [figure.value for figure in ours if figure.value is not None]
    largest = max(values, default=1.0)
    entries = [_Entry.ours(figure) for figure in ours if figure.value is not None] or [_Entry.absent(ours)]
    entries += [_Entry.published(row, ours) for row in main]
    return (
        f'<section class="panel" id="{name}"><h3>{RANKED[name]} <small>{arrow}</small></h3>'
        + missing_figures(ours)
        + warnings(results, ours)
        + _ranked_table(f"{RANKED[name]} on {results.title}", entries, largest, name)
        + (_others(name, other, ours, largest) if other else "")
        + "</section>"
    )


@dataclass(frozen=True)
class _Entry:
    """A row of a ranking: its cells as HTML."""

    value: float | None
    spread: float | None
    name: str
    protocol: str
    source: str
    kind: str = ""
    digits: int = 4
    over: str = ""
    beside: str = ""

    @classmethod
    def ours(cls, figure: Figure) -> _Entry:
        name = f"This model <small>{text(setting_of(figure))}</small>"
        told = (name, protocol_cell(figure), trust_badge("measured here"), "ours")
        return cls(figure.value, figure.spread_over_splits, *told, over="splits", beside=floor_below(figure))

    @classmethod
    def absent(cls, figures: Sequence[Figure]) -> _Entry:
        """Our place among the others where nothing of ours was measured; why not stands above the table."""
        protocol = protocol_cell(figures[0]) if figures else '<span class="quiet">none</span>'
        return cls(None, None, "This model", protocol, '<span class="quiet">not measured</span>', "ours")

    @classmethod
    def published(cls, row: Published, ours: Sequence[Figure]) -> _Entry:
        told = ", ".join(word for word in (row.setting, size_of(row), "class given" if row.classes else None) if word)
        name = f"{text(row.method)} <small>{text(told)}</small>"
        remark = f'<small class="remark">{text(row.note)}</small>' if row.note else ""
        source = f"{trust_badge(row.trust)} {link(row.source, row.url)}{remark}"
        kind = "pvdm" if row.method.startswith("PVDM") else ""
        return cls(row.value, row.spread, name, _their_protocol(row, ours), source, kind, digits=5)


def size_of(row: Published) -> str | None:
    """The size in words, where it is not the paper's."""
    return None if row.size == 256 else f"{row.size}x{row.size}" if row.size else "size not stated"


def _ranked_table(caption: str, entries: list[_Entry], largest: float, name: str) -> str:
    sign = -1 if name in HIGHER else 1
    ordered = sorted(entries, key=lambda entry: (entry.value is None, sign * (entry.value or 0)))
    rows = [
        table_row(entry.name, (_bar(entry, largest), entry.protocol, entry.source), kind=entry.kind)
        for entry in ordered
    ]
    order = {"Value": "descending" if name in HIGHER else "ascending"}
    return table(caption, ("Method", "Value", "Protocol", "Source"), rows, kind="ranking", order=order)


def _bar(entry: _Entry, largest: float) -> str:
    number = value_cell(entry.value, entry.spread, "no value", over=entry.over, digits=entry.digits)
    if entry.value is None:
        return number
    share = 100 * max(entry.value, 0) / largest if largest > 0 else 0
    bar = f'<div class="bar"><span>{number}</span><i style="width:{share:.1f}%" aria-hidden="true"></i></div>'
    return bar + entry.beside


def floor(figure: Figure) -> str:
    """What real clips have against other real ones, and how many of either side."""
    if figure.floor is None:
        return ""
    clips = f" ({' / '.join(map(text, figure.floor_clips))} clips)" if figure.floor_clips else ""
    return decimal(figure.floor) + clips


def floor_below(figure: Figure) -> str:
    """The same in small below a distance."""
    return "" if figure.floor is None else f'<small class="remark">floor {floor(figure)}</small>'


def protocol_cell(figure: Figure) -> str:
    marks = badge("warn", "few clips", "fewer clips than the protocol asks for") if figure.few else ""
    if figure.protocol == CUSTOM:
        said = ", ".join(f"{name} {'none' if value is None else value}" for name, value in figure.changed.items())
        changed = badge("warn", f"changed: {', '.join(figure.changed)}" if figure.changed else "changed", said)
        return f"<code>{text(figure.based_on or CUSTOM)}</code> {changed} {marks}"
    return f"<code>{text(figure.protocol)}</code> {marks}"


def _their_protocol(row: Published, ours: Sequence[Figure]) -> str:
    trained = f" <small>trained on {text(row.trained_on)}</small>" if row.trained_on else ""
    if row.protocol is None:
        return f'<span class="quiet">not stated</span>{trained}'
    mine = {figure.protocol for figure in ours if figure.value is not None}
    warning = (
        badge("warn", "differs", "not the protocol of our figure") + " " if mine and row.protocol not in mine else ""
    )
    return f"{warning}<code>{text(row.protocol)}</code>{trained}"


def missing_figures(ours: Sequence[Figure]) -> str:
    """Why figures of ours have no value, each reason once."""
    if not ours:
        return paragraph("<b>No value of ours:</b> this benchmark did not measure it", "callout")
    reasons: dict[str, list[Figure]] = {}
    for figure in ours:
        if figure.value is None:
            reasons.setdefault(figure.missing or "no reason was recorded", []).append(figure)
    return "".join(_missing(reason, figures) for reason, figures in reasons.items())


def _missing(reason: str, figures: Sequence[Figure]) -> str:
    names = ", ".join(dict.fromkeys(figure.name for figure in figures))
    settings = "; ".join(dict.fromkeys(filter(None, map(setting_of, figures))))
    of = f" ({text(settings)})" if settings else ""
    return paragraph(f"<b>No {text(names)}:</b> {text(reason)}{of}", "callout")


def warnings(results: Results, ours: Sequence[Figure], *, theirs: str | None = None) -> str:
    """What differs between our figures and the published ones, in words; `theirs`: the protocol of all of those."""
    valued = [figure for figure in ours if figure.value is not None]
    if not valued:
        return ""
    found = [] if {figure.protocol for figure in valued} == {theirs} else [_protocol_warning(valued, theirs)]
    if results.size not in (None, (256, 256)):
        found.append("Our videos are {}x{}, those of the table 256x256.".format(*results.size))
    if any(figure.few for figure in valued):
        found.append("Ours is of fewer clips than its protocol asks for, which makes it no match for the others.")
    if results.remark or results.quick:
        found.append("See the remark at the top.")
    return paragraph(" ".join(found), "callout warn")


def _protocol_warning(valued: Sequence[Figure], theirs: str | None) -> str:
    names = sorted({figure.based_on or figure.protocol for figure in valued})
    said = " and ".join(f"<code>{text(name)}</code>" for name in names)
    changed = any(figure.protocol == CUSTOM for figure in valued)
    if theirs is not None:
        return (
            f"Ours is measured by {said}{', changed' if changed else ''}, the paper's by <code>{text(theirs)}</code>."
        )
    return (
        f"Ours is measured by {said}{', changed' if changed else ''}; rows marked as differing are not, "
        "and where no protocol is stated it is unknown."
    )


def _others(name: str, rows: Sequence[Published], ours: Sequence[Figure], largest: float) -> str:
    entries = [_Entry.published(row, ours) for row in rows]
    caption = "Of other settings: other sizes, or told the class"
    return details(
        f"{len(rows)} published figures that are not comparable (other sizes, or told the class)",
        _ranked_table(caption, entries, largest, name),
    )
