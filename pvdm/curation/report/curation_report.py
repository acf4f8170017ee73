"""The report of a catalogue: one page on which thresholds are moved, and which says what they would leave."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path

from pvdm.curation.report.report_data import script_data, summary
from pvdm.curation.report.score_words import words_of
from pvdm.data.catalogue.clip_table import ClipTable
from pvdm.files.atomic_write import replacing
from pvdm.files.web_page import page_data, page_parts, page_templates

TEMPLATES = Path(__file__).with_name("templates")
SCRIPTS = ("columns.js", "cards.js", "report.js")
REPORT = "report.html"


def write_report(clips: ClipTable, folder: Path, thumbnails: Mapping[str, Path]) -> Path:
    """Writes `report.html` to a catalogue's folder and returns its path; the page needs no other file.

    Args:
        clips: The catalogue.
        folder: Where it lies, as the command on the page names it.
        thumbnails: The files of `write_thumbnails` by the `id` of the clip, which the page carries inside itself.
    """
    folder = Path(folder)
    data = script_data(clips.table, thumbnails, f"pvdm select {shlex.quote(str(folder))}")
    page = (
        page_templates(TEMPLATES)
        .get_template("page.html")
        .render(
            name=folder.resolve().name,
            root=str(clips.root),
            selection=clips.selection,
            data=data,
            meaning={score["name"]: words_of(score["name"]).meaning for score in data["scores"]},
            title_of={category["name"]: words_of(category["name"]).title for category in data["categories"]},
            content=page_data(data),
            **summary(clips.table),
            **page_parts(TEMPLATES, scripts=SCRIPTS),
        )
    )
    path = folder / REPORT
    with replacing(path, overwrite=True) as temporary:
        temporary.write_text(page, encoding="utf-8", errors="backslashreplace")
    return path
