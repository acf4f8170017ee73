"""Pieces of HTML that the report's parts share; every text of others goes through `text`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any
from urllib.parse import urlsplit

TRUST = {
    "paper": "the method's own authors",
    "secondary": "somebody else's table or notes; check it against the paper",
    "measured here": "by this benchmark",
}


def text(value: Any) -> str:
    """A text of others, harmless in elements and in quoted attributes."""
    return escape(str(value), quote=True)


def decimal(value: float, digits: int = 4) -> str:
    """A number as a person writes it: so many significant digits, none of them behind whole thousands."""
    if value and not 1e-4 <= abs(value) < 1e7:
        return f"{value:.{digits - 1}e}"
    whole = len(str(int(abs(value)))) if abs(value) >= 1 else 0
    rounded = f"{value:.{max(digits - whole, 0)}f}" if whole else f"{value:.{digits}g}"
    return rounded.rstrip("0").rstrip(".") if "." in rounded else rounded


def value_cell(
    value: float | None, spread: float | None = None, missing: str | None = None, *, over: str = "", digits: int = 4
) -> str:
    """The value and its spread over something, or why there is none."""
    if value is None:
        return f'<span class="missing">{text(missing or "not recorded")}</span>'
    number = f'<b class="number">{decimal(value, digits)}</b>'
    over = f" over {text(over)}" if over else ""
    return number + (f" <small>± {decimal(spread, digits - 2)}{over}</small>" if spread else "")


def badge(kind: str, label: str, hint: str = "") -> str:
    """A small word in a frame; its kind (a word of ours) gives the colour."""
    title = f' title="{text(hint)}"' if hint else ""
    return f'<span class="badge {kind}"{title}>{text(label)}</span>'


def trust_badge(trust: str) -> str:
    """How far a figure can be trusted."""
    return badge(trust.split()[0], trust, TRUST.get(trust, ""))


def link(label: str, url: str | None) -> str:
    """A link that a person may follow; only web addresses become one."""
    if url is None or urlsplit(url).scheme not in ("http", "https"):
        return text(label)
    return f'<a href="{text(url)}" rel="noopener noreferrer">{text(label)}</a>'


def table(
    caption: str, head: Sequence[str], rows: Iterable[str], *, kind: str = "", order: Mapping[str, str] = {}
) -> str:
    """A table that scrolls by itself where the screen is narrow; caption and head are escaped, rows are HTML.

    order: by the name of the column in whose order the rows are, "ascending" or "descending".
    """
    sorts = {name: f' aria-sort="{text(order[name])}"' for name in head if name in order}
    cells = "".join(f'<th scope="col"{sorts.get(name, "")}>{text(name)}</th>' for name in head)
    return (
        f'<div class="scroll" role="region" tabindex="0" aria-label="{text(caption)}"><table class="{kind}">'
        f"<caption><span>{text(caption)}</span></caption><thead><tr>{cells}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def table_row(head: str, cells: Iterable[str], *, kind: str = "") -> str:
    """A row whose first cell names it; all are HTML."""
    return f'<tr class="{kind}"><th scope="row">{head}</th>{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>'


def details(summary: str, content: str) -> str:
    """Something that is folded until a person wants it."""
    return f"<details><summary>{text(summary)}</summary>{content}</details>"


def paragraph(content: str, kind: str = "") -> str:
    """content: HTML."""
    return f'<p class="{kind}">{content}</p>' if content else ""
