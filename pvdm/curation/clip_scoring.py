"""Scores of clips by steps that look at single frames, a chunk of a file's clips at a time."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

from pvdm.curation.clip_frames import ClipFrames
from pvdm.curation.clip_step import ClipStep
from pvdm.curation.curation_plan import Plan
from pvdm.curation.ledger import Entry
from pvdm.curation.scan.file_clips import FileClips
from pvdm.curation.scan.raw_files import RawFile, check_unchanged
from pvdm.curation.scan.scan_steps import clip_settings
from pvdm.errors import InputError

CHUNK = 32
"""Clips of a task; a run that is killed repeats at most as many for each worker."""

Row = dict[str, Any]


def chunks(clips: FileClips) -> list[list[Row]]:
    """The rows of the clips that can be decoded, `CHUNK` at a time."""
    good = [row for row in clips.rows if "error" not in row]
    return [good[first : first + CHUNK] for first in range(0, len(good), CHUNK)]


def scored(plan: Plan, step: ClipStep, file: RawFile, rows: Sequence[Row]) -> list[Row | None]:
    """What the ledger has of a chunk: the columns of each clip, None if it has not been scored."""
    entry = plan.ledger.get(key_of(plan, step, file, rows), _settings(plan, step))
    return entry.values["rows"] if entry else [None] * len(rows)


def key_of(plan: Plan, step: ClipStep, file: RawFile, rows: Sequence[Row]) -> str:
    """Of the scores of a chunk in the ledger: the same for files of one content with the same beside them."""
    read = _steps_before(plan, step) if step.reads_scores else []
    beside = [list(each.beside(plan.root / file.file, file.file)) for each in (*read, step)]
    place = f"{rows[0]['first_frame']}-{rows[-1]['last_frame']}-{len(rows)}"
    if any(beside):
        place = f"{place}-{sha256(json.dumps(beside).encode()).hexdigest()[:16]}"
    return f"{step.name}/{file.digest[:2]}/{file.digest}/{place}"


def score_chunk(plan: Plan, step: ClipStep, file: RawFile, rows: Sequence[Row]) -> None:
    """Scores the clips of a chunk that have not been, and writes them into the ledger.

    InputError, after all have been tried, for the first that cannot be scored; such a clip is tried again by the next
    run.
    """
    found, failed = scored(plan, step, file, rows), None
    earlier = [scored(plan, before, file, rows) for before in _steps_before(plan, step)]
    for i, row in enumerate(rows):
        if found[i] is None:
            known = {column: value for each in earlier for column, value in (each[i] or {}).items()}
            try:
                found[i] = _in_this_process(step).score(clip_of(plan, file, row, {**row, **known}))
            except InputError as error:
                failed = failed or error
    check_unchanged(plan.root, file)
    plan.ledger.put(key_of(plan, step, file, rows), _settings(plan, step), Entry({"rows": found}))
    if failed:
        raise failed


def clip_of(plan: Plan, file: RawFile, row: Mapping[str, Any], scores: Mapping[str, Any]) -> ClipFrames:
    """The frames of a clip, by its row."""
    first, last = row["first_frame"], row["last_frame"]
    return ClipFrames(plan.root / file.file, file.info, first, last, file.file, scores)


def _settings(plan: Plan, step: ClipStep) -> dict[str, Any]:
    """What the scores of a step depend on: its own settings and, if it reads other scores, theirs."""
    own = {"step": step.settings()}
    if not step.reads_scores:
        return own
    before = [each.settings() for each in _steps_before(plan, step)]
    return {**own, "clips": clip_settings(plan), "before": before}


def _steps_before(plan: Plan, step: ClipStep) -> Sequence[ClipStep]:
    return plan.clip_steps[: [each.name for each in plan.clip_steps].index(step.name)]


_steps: dict[str, ClipStep] = {}


def _in_this_process(step: ClipStep) -> ClipStep:
    """The first step of equal settings that this process has seen, which has its models loaded."""
    return _steps.setdefault(json.dumps([step.name, step.settings()], sort_keys=True), step)
