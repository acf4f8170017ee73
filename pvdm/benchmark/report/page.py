"""The report of a benchmark: one page that carries its figures, plots and videos inside itself."""

from __future__ import annotations

import base64
import hashlib
from datetime import datetime
from pathlib import Path
from string import Template

from pvdm.benchmark.report import figures, overview, plots, speed, videos
from pvdm.benchmark.report.markup import text
from pvdm.benchmark.report.media import Media
from pvdm.benchmark.report.reconstruction import reconstruction
from pvdm.benchmark.report.results import Results, read_results
from pvdm.files.atomic_write import replacing

PAGE, STYLE = (Path(__file__).with_name(f"page.{suffix}") for suffix in ("html", "css"))
SCRIPTS = [Path(__file__).with_name(name) for name in ("wall.js", "blind.js", "sort.js")]


def write_report(folder: Path) -> Path:
    """Writes `index.html` beside a benchmark's `results.json` and returns its path.

    The page needs no other file and asks no other host for anything. Videos and pictures that are named in the results
    and cannot be read are listed on it. `InputError` if there are no results or they are damaged.
    """
    folder = Path(folder)
    page = render(read_results(folder))
    path = folder / "index.html"
    with replacing(path, overwrite=True) as temporary:
        temporary.write_text(page, encoding="utf-8", errors="backslashreplace")
    return path


def render(results: Results) -> str:
    """The page as text."""
    media = Media(results.folder)
    script = _script()
    values = {
        "title": text(results.title),
        "date": text(_day(results.date)),
        "policy": _policy(script),
        "style": STYLE.read_text(encoding="utf-8"),
        "script": script,
        **_parts(results, media),
    }
    values["missing"] = overview.missing_files(media.missing)
    return Template(PAGE.read_text(encoding="utf-8")).substitute(values)


def _parts(results: Results, media: Media) -> dict[str, str]:
    return {
        "subtitle": overview.subtitle(results),
        "remark": overview.remark(results),
        "glance": overview.glance(results),
        "rankings": figures.rankings(results),
        "steps": plots.steps_plots(results),
        "times": plots.time_plots(results),
        "reconstruction": reconstruction(results),
        "psnr": plots.psnr_plot(results),
        "drift": plots.drift_plots(results),
        "others": overview.other_figures(results),
        "speed": speed.speed_table(results),
        "published_speed": speed.published_speed(),
        "batches": speed.batch_table(results),
        "wall": videos.wall(results, media),
        "nearest": videos.nearest(results, media),
        "figures": overview.all_figures(results),
        "circumstances": overview.circumstances(results),
    }


def _script() -> str:
    """The scripts as one, whose names nothing else of the page can see."""
    parts = "\n".join(path.read_text(encoding="utf-8") for path in SCRIPTS)
    return f'"use strict";\n(() => {{\n{parts}}})();\n'


def _day(date: str) -> str:
    """A date and time as people write it, or what is there instead."""
    try:
        moment = datetime.fromisoformat(date)
    except ValueError:
        return date
    return f"{moment:%Y-%m-%d, %H:%M %Z}".rstrip() if "T" in date else date


def _policy(script: str) -> str:
    """What the browser lets the page do: run this one script, show what is inside it, and ask nobody for anything."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; img-src data:; "
        "media-src data: blob:; base-uri 'none'; form-action 'none'"
    )
