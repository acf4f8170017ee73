"""The clips of a scanned file and what its scan says of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from pvdm.curation.curation_plan import Plan
from pvdm.curation.ledger import Entry
from pvdm.curation.scan.file_scan import Segment, merged_scan, scan_segment
from pvdm.curation.scan.raw_files import RawFile, check_unchanged
from pvdm.curation.scan.scan_steps import clip_settings, hashes, joints, recorders, scan_settings, scores
from pvdm.curation.scan.spans import Span, spans_between
from pvdm.errors import InputError

DAMAGED, BLANK = "its frames are damaged", "all of it is blank or fades"


@dataclass(frozen=True)
class FileClips:
    """The clips of a file.

    Args:
        rows: For each clip `first_frame`, `last_frame`, `cuts`, its scores, and `error` if it cannot be decoded.
        hashes: For each clip (n,) uint64, what its duplicates are found by.
    """

    rows: list[dict[str, Any]]
    hashes: list[np.ndarray]


def is_scanned(plan: Plan, file: RawFile, segment: Segment) -> bool:
    """Whether the ledger has the notes on a segment."""
    return plan.ledger.has(segment.key(file), scan_settings(plan))


def note_segment(plan: Plan, file: RawFile, segment: Segment) -> None:
    """Scans a segment into the ledger."""
    notes = scan_segment(plan.root / file.file, file, segment, recorders(plan))
    check_unchanged(plan.root, file)
    plan.ledger.put(segment.key(file), scan_settings(plan), Entry({}, notes))


def note_clips(plan: Plan, file: RawFile) -> None:
    """Divides a scanned file into clips and scores them into the ledger; InputError if it was not scanned."""
    arrays = merged_scan(plan.ledger, scan_settings(plan), file)
    if arrays is None:
        raise InputError(f"{file.file} has not been scanned whole", "run the same command again")
    spans = spans_between(joints(plan, file, arrays), arrays["frame_number"], file.info.frames)
    check_unchanged(plan.root, file)
    rows = [_row(plan, file, arrays, span) for span in spans]
    each = [np.empty(0, np.uint64) if span.damaged else hashes(plan, arrays, span) for span in spans]
    if not spans:
        rows = [{"first_frame": 0, "last_frame": file.info.frames - 1, "cuts": 0, "error": BLANK}]
        each = [np.empty(0, np.uint64)]
    stored = {
        "hashes": np.concatenate([np.empty(0, np.uint64), *each]),
        "ends": np.cumsum([len(part) for part in each]),
    }
    plan.ledger.put(_key(file), clip_settings(plan), Entry({"rows": rows}, stored))


def known_clips(plan: Plan, file: RawFile) -> FileClips | None:
    """What the ledger says of a file's clips, if it says anything."""
    entry = plan.ledger.get(_key(file), clip_settings(plan))
    return entry and FileClips(entry.values["rows"], np.split(entry.arrays["hashes"], entry.arrays["ends"][:-1]))


def _row(plan: Plan, file: RawFile, arrays: dict[str, np.ndarray], span: Span) -> dict[str, Any]:
    row: dict[str, Any] = {"first_frame": span.first, "last_frame": span.last, "cuts": span.cuts}
    return {**row, **({"error": DAMAGED} if span.damaged else scores(plan, file, arrays, span))}


def _key(file: RawFile) -> str:
    return f"clips/{file.digest[:2]}/{file.digest}"
