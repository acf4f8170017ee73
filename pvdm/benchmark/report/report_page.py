"""The report of a benchmark: one page that carries its figures, charts and videos inside itself."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from textwrap import shorten
from typing import Any
from urllib.parse import urlsplit

from jinja2 import Environment

from pvdm.benchmark.report.benchmark_results import read_results
from pvdm.benchmark.report.line_chart import decimal
from pvdm.benchmark.report.published_figures import efficiency, notes, published
from pvdm.benchmark.report.report_charts import charts
from pvdm.benchmark.report.report_media import KINDS, NO_CLASS, Media
from pvdm.benchmark.report.report_tables import RANKED, RECONSTRUCTION, glance, rankings
from pvdm.files.atomic_write import replacing
from pvdm.files.web_page import page_parts, page_templates

TEMPLATES = Path(__file__).with_name("templates")
SCRIPTS = ("wall.js", "blind.js", "sort.js")
TRUST = {
    "paper": "the method's own authors",
    "secondary": "somebody else's table or notes; check it against the paper",
    "measured here": "by this benchmark",
}


def write_report(folder: Path) -> Path:
    """Writes `index.html` next to a benchmark's `results.json` and returns its path.

    The page needs no other file and asks no host for anything. Videos and pictures that the results name and that
    cannot be read are listed on it. InputError if there are no results or they are damaged.
    """
    results = read_results(Path(folder))
    media = Media(results.folder)
    lanes, nearest = media.lanes(results), media.nearest(results)  # before the list of what could not be read
    page = (
        environment()
        .get_template("page.html")
        .render(
            results=results,
            lanes=lanes,
            nearest=nearest,
            missing_files=media.missing,
            charts=charts(results),
            **page_parts(TEMPLATES, scripts=SCRIPTS),
        )
    )
    path = results.folder / "index.html"
    with replacing(path, overwrite=True) as temporary:
        temporary.write_text(page, encoding="utf-8", errors="backslashreplace")
    return path


def environment() -> Environment:
    """The templates' environment."""
    jinja = page_templates(TEMPLATES)
    jinja.filters |= {"decimal": decimal, "day": _day, "in_short": _in_short}
    jinja.tests["web_address"] = _is_web_address
    jinja.globals |= {"RANKED": RANKED, "RECONSTRUCTION": RECONSTRUCTION, "rankings": rankings, "glance": glance}
    jinja.globals |= {"TRUST": TRUST, "KINDS": KINDS, "NO_CLASS": NO_CLASS}
    jinja.globals |= {"published": published, "efficiency": efficiency, "notes": notes}
    return jinja


def _is_web_address(url: Any) -> bool:
    """Whether a link to it is safe to follow."""
    return isinstance(url, str) and urlsplit(url).scheme in ("http", "https")


def _in_short(reason: str) -> str:
    """The reason without the remedy, which is given further down the page."""
    return shorten(reason.partition("; ")[0], 90, placeholder=" …")


def _day(date: str) -> str:
    """A date and time as people write it, or whatever is there instead."""
    try:
        moment = datetime.fromisoformat(date)
    except ValueError:
        return date
    return f"{moment:%Y-%m-%d, %H:%M %Z}".rstrip() if "T" in date else date
