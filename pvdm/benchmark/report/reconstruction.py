"""Our reconstruction beside the paper's, on the training and the test part."""

from __future__ import annotations

from collections.abc import Sequence

from pvdm.benchmark.report.figures import floor_below, is_comparable, missing_figures, protocol_cell, size_of, warnings
from pvdm.benchmark.report.markup import decimal, details, link, table, table_row, text, trust_badge, value_cell
from pvdm.benchmark.report.published import Published, published
from pvdm.benchmark.report.results import Figure, Results

RECONSTRUCTION = {"rfvd": "R-FVD", "psnr": "PSNR, dB", "ssim": "SSIM", "lpips": "LPIPS", "st_rred": "ST-RRED"}
PARTS = ("train", "test")


def reconstruction(results: Results) -> str:
    """Ours and the paper's reconstruction, training and test part side by side."""
    rows = [row for row in published(results.dataset) if row.id in RECONSTRUCTION]
    main = [row for row in rows if is_comparable(row)]
    ours = [figure for figure in results.figures if figure.id in RECONSTRUCTION]
    columns = [name for name in RECONSTRUCTION if name in {item.id for item in (*ours, *main)}]
    head = ["Method", *(f"{RECONSTRUCTION[name]} train / test" for name in columns), "Source"]
    body = [_our_row(ours, columns), *(_published_row(line, columns) for line in _by_method(main))]
    other = [row for row in rows if not is_comparable(row)]
    return (
        missing_figures(ours)
        + warnings(results, ours, theirs="pvdm/reconstruction")
        + table(f"Reconstruction on {results.title}", head, body, kind="reconstruction")
        + (_other_reconstruction(other) if other else "")
    )


def _our_row(ours: Sequence[Figure], columns: Sequence[str]) -> str:
    found = {(f.id, f.part): value_cell(f.value) + floor_below(f) for f in ours if f.value is not None}
    cells = [_both([found.get((name, part)) for part in PARTS], "not measured") for name in columns]
    marks = sorted({protocol_cell(figure) for figure in ours if figure.value is not None})
    return table_row("This model", [*cells, f"{trust_badge('measured here')} {' '.join(marks)}"], kind="ours")


def _published_row(rows: Sequence[Published], columns: Sequence[str]) -> str:
    found = {(row.id, row.part): value_cell(row.value, row.spread, digits=5) for row in rows}
    cells = [_both([found.get((name, part)) for part in PARTS], "not found") for name in columns]
    return table_row(text(rows[0].method), [*cells, _sources(rows)], kind="pvdm")


def _both(cells: Sequence[str | None], absent: str) -> str:
    """The cells of the training and the test part in one."""
    if not any(cells):
        return f'<span class="quiet">{absent}</span>'
    return " / ".join(cell or f'<span class="quiet">{absent}</span>' for cell in cells)


def _by_method(rows: Sequence[Published]) -> list[list[Published]]:
    return [[row for row in rows if row.method == method] for method in dict.fromkeys(row.method for row in rows)]


def _sources(rows: Sequence[Published]) -> str:
    """The sources of a line, each once."""
    told = dict.fromkeys((row.trust, row.source, row.url, row.note) for row in rows)
    return "<br>".join(
        f"{trust_badge(trust)} {link(source, url)}" + (f'<small class="remark">{text(note)}</small>' if note else "")
        for trust, source, url, note in told
    )


def _other_reconstruction(rows: Sequence[Published]) -> str:
    """Autoencoders of other lengths and sizes, whose part is not stated."""
    columns = [name for name in RECONSTRUCTION if name in {row.id for row in rows}]
    body = [_other_row(line, columns) for line in _by_method(rows)]
    head = ["Method", *(RECONSTRUCTION[name] for name in columns), "Source"]
    caption = "Reconstruction of other lengths and sizes"
    return details(f"{len(body)} published autoencoders of other lengths and sizes", table(caption, head, body))


def _other_row(rows: Sequence[Published], columns: Sequence[str]) -> str:
    found = {row.id: decimal(row.value, 5) for row in rows}
    told = ", ".join(word for word in (rows[0].setting, size_of(rows[0])) if word)
    cells = [found.get(name, '<span class="quiet">not found</span>') for name in columns]
    return table_row(f"{text(rows[0].method)} <small>{text(told)}</small>", [*cells, _sources(rows)])
