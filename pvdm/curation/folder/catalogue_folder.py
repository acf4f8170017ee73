"""Writes a catalogue: the table of clips, the hashes of their pictures, a card, thumbnails and the report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pvdm.curation.clip_frames import ClipFrames
from pvdm.curation.curation import Curated
from pvdm.curation.curation_plan import Plan
from pvdm.curation.folder.catalogue_rows import HASHES, Row, rows_of
from pvdm.curation.folder.hash_table import FILE as HASHES_FILE
from pvdm.curation.folder.hash_table import mark_duplicates, write_hashes
from pvdm.curation.report.clip_thumbnails import write_thumbnails
from pvdm.curation.report.curation_report import REPORT, write_report
from pvdm.curation.scan.scan_steps import clip_settings
from pvdm.data.catalogue.clip_table import CLIPS, ClipTable, read_clips, table_of, write_clips
from pvdm.files.atomic_write import remove, write_through
from pvdm.video import VideoInfo

CARD, THUMBNAILS = "README.md", "thumbnails"


def write_catalogue(plan: Plan, curated: Curated, *, against: Sequence[Path] = ()) -> tuple[ClipTable, str]:
    """Writes all files of a catalogue, and returns its table and what it holds, in a line.

    Those of an earlier run are replaced, each in one step; what this run does not make is deleted. Clips that are in
    the catalogues `against` are duplicates.
    """
    rows = rows_of(plan, curated)
    if "duplicates" in plan.scan_steps:
        mark_duplicates(rows, against)
        write_hashes(plan.output, rows)
    else:
        remove(plan.output / HASHES_FILE)
    rows = [{name: value for name, value in row.items() if name != HASHES} for row in rows]
    types = {name: kind for step in plan.clip_steps for name, kind in step.columns.items()}
    metadata = {"root": str(plan.root.resolve()), "steps": _steps(plan)}
    write_clips(plan.output / CLIPS, table_of(rows, types), metadata, overwrite=True)
    clips = read_clips(plan.output)
    write_through(plan.output / CARD, _card(clips, rows).encode())
    pictures = write_thumbnails(clips.table, plan.output / THUMBNAILS, lambda row: _frames(clips.root, row))
    write_report(clips, plan.output, pictures)
    _remove_temporary(plan)
    return clips, _summary(rows)


def _remove_temporary(plan: Plan) -> None:
    """Deletes what killed runs have left of the files that `replacing` writes."""
    plan.ledger.remove_temporary()
    for name in map(Path, (CLIPS, HASHES_FILE, CARD, REPORT)):
        for path in plan.output.glob(f".{name.stem}.*{name.suffix}"):
            remove(path)


def _steps(plan: Plan) -> dict[str, Any]:
    """The settings of all steps, for the metadata."""
    scan = {name: clip_settings(plan) for name in plan.scan_steps}
    return {**scan, **{step.name: step.settings() for step in plan.clip_steps}}


def _frames(root: Path, row: Mapping[str, Any]) -> ClipFrames:
    info = VideoInfo(row["file_frames"], row["height"], row["width"], row["fps"], row["file_index"], row["file_times"])
    return ClipFrames(root / row["file"], info, row["first_frame"], row["last_frame"], row["file"], row)


def _summary(rows: Sequence[Row]) -> str:
    good = [row for row in rows if not row.get("error")]
    hours = sum(row["end_seconds"] - row["start_seconds"] for row in good) / 3600
    repeated = sum(row.get("duplicate_of") is not None for row in good)
    files = f"{len(good)} clips of {len({row['file'] for row in good})} files, {hours:.2f} hours"
    bad = f"; {len(rows) - len(good)} clips or files cannot be used" if len(rows) > len(good) else ""
    return f"{files}; {repeated} are duplicates{bad}"


def _card(clips: ClipTable, rows: Sequence[Row]) -> str:
    """What the catalogue holds, in Markdown."""
    errors = Counter(row["error"] for row in rows if row.get("error"))
    return "\n".join(
        [
            "# Catalogue of clips",
            "",
            f"{_summary(rows)}. The videos lie below `{clips.root}`.",
            "",
            "`clips.parquet` has a row for each clip, a span of frames of a file between two cuts. The files are "
            "unchanged.",
            "`report.html` shows the scores and what thresholds would leave.",
            "",
            "| step | settings |",
            "|---|---|",
            *(f"| {name} | `{settings}` |" for name, settings in clips.metadata["steps"].items()),
            "",
            *([f"{sum(errors.values())} clips or files cannot be used:", ""] if errors else []),
            *(f"* {count} x {error}" for error, count in errors.most_common(20)),
            "",
        ]
    )
