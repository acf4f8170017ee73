"""Selecting clips of a catalogue: conditions one after the other, with what each removes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pvdm.data.catalogue.clip_table import ClipTable
from pvdm.data.catalogue.presets import (
    BASE,
    DECODABLE,
    FRAMES,
    PRESETS,
    Condition,
    Preset,
    PresetName,
    Share,
    long_enough_for,
)
from pvdm.data.catalogue.where import column, columns_of, conditions_of, joined, passing
from pvdm.errors import InputError

DUPLICATES = "duplicates"
"""The step of curation without which nothing is known of duplicates."""


@dataclass(frozen=True)
class Removal:
    """What a condition removed from what the conditions before it had left, in clips and hours.

    Args:
        expression: The condition, with its threshold.
        title: The condition in words, where its threshold is that of a share.
        reason: Why.
        clips, hours: Removed.
        left, left_hours: What is left.
    """

    expression: str
    title: str
    reason: str
    clips: int
    hours: float
    left: int
    left_hours: float


@dataclass(frozen=True)
class Selected:
    """The clips that passed, what each condition removed, and what was not applied because no clip has the score."""

    clips: ClipTable
    removals: list[Removal]
    not_applied: list[str]
    preset: PresetName | None = None


def select(
    clips: ClipTable, *, where: str | None = None, preset: PresetName | None = None, frames: int | None = None
) -> Selected:
    """The clips of a catalogue or of a selection that pass an expression, a preset or both; nothing is changed on disk.

    Without either, a catalogue gets the preset `default`, and a selection stays as it is. Files that cannot be used
    never pass. Conditions of a preset on scores that no clip has are not applied.

    frames: Shorter clips are left out; by default those shorter than `FRAMES` with a preset, and none without.
    `InputError` as of `passing`.
    """
    if where is None and preset is None and clips.selection is None:
        preset = "default"
    if frames is None and preset is not None:
        frames = FRAMES
    chosen = PRESETS[preset] if preset else None
    of_preset, not_applied = _measured(clips, chosen)
    applied = [DECODABLE, *([long_enough_for(frames)] if frames else ()), *of_preset]
    asked = [] if where is None else conditions_of(where)
    applied += [Condition(text, "asked for (--where)") for text in asked]
    mask, removals = _applied(clips.table, np.ones(len(clips), bool), applied)
    shares = [share for share in (chosen.shares if chosen else ()) if _has_values(clips.table, share.column)]
    cut = [_threshold(clips.table, mask, share) for share in shares]
    mask, more = _applied(clips.table, mask, cut, titles=[share.title for share in shares])
    selection = _record(clips, [*removals, *more], preset, int(mask.sum()))
    kept = clips.having(clips.table.filter(pa.array(mask)), selection=selection)
    return Selected(kept, [*removals, *more], not_applied, preset)


def for_training(clips: ClipTable) -> ClipTable:
    """The clips of a selection, or those of a catalogue that the default leaves, of any length.

    `InputError` if there are none.
    """
    if clips.selection is None:
        selected = select(clips, frames=0)
        check_some_left(selected)
        return selected.clips
    usable = clips.having(clips.table.filter(passing(DECODABLE.expression, clips.table)))
    if not len(usable):
        raise InputError(f"the selection {clips.path} has no clips", "select some (pvdm select)")
    return usable


def check_some_left(selected: Selected) -> None:
    """InputError if no clip passed, with the condition that removed the last ones."""
    if len(selected.clips):
        return
    last = next((removal for removal in selected.removals if removal.clips and not removal.left), None)
    if last is None:
        raise InputError(f"{selected.clips.path} has no clips", "curate some videos (pvdm curate)")
    raise InputError(
        f"no clip of {selected.clips.path} is left: {last.expression} removes the last {last.clips:,}",
        "loosen it, or run the step of pvdm curate that measures it",
    )


def seconds_of(table: pa.Table) -> np.ndarray:
    """(n,) float64: how long each clip is, 0 where that is not known."""
    spans = pc.divide(column("frames", table), table.column("fps"))
    return pc.fill_null(pc.coalesce(column("seconds", table), spans), 0.0).to_numpy(zero_copy_only=False)


def _measured(clips: ClipTable, preset: Preset | None) -> tuple[list[Condition], list[str]]:
    """The conditions of a preset whose scores some clip has, and what is missing of others and of its shares."""
    if preset is None:
        return [], []
    applied, missing = [], []
    for condition in (*BASE, *preset.conditions):
        absent = [name for name in columns_of(condition.expression) if not _is_known(clips, name)]
        if absent:
            missing.append(f"{condition.expression} (no clip has {absent[0]})")
        else:
            applied.append(condition)
    absent = [share for share in preset.shares if not _is_known(clips, share.column)]
    return applied, [*missing, *(f"{share.title} (no clip has {share.column})" for share in absent)]


def _is_known(clips: ClipTable, name: str) -> bool:
    steps = clips.metadata.get("steps")
    if name == "duplicate_of":
        return not steps or DUPLICATES in steps
    return not len(clips) or _has_values(clips.table, name)


def _has_values(table: pa.Table, name: str) -> bool:
    """Whether some clip has this score, which need not be among our columns."""
    try:
        values = column(name, table)
    except InputError:
        return False
    return values.null_count < len(values)


def _applied(
    table: pa.Table, mask: np.ndarray, conditions: Sequence[Condition], titles: Sequence[str] | None = None
) -> tuple[np.ndarray, list[Removal]]:
    """Which of the rows that a mask (n,) bool marks pass all conditions, and what each condition removed."""
    removals, hours = [], seconds_of(table) / 3600
    for condition, title in zip(conditions, titles or [one.expression for one in conditions], strict=True):
        left = mask & passing(condition.expression, table).to_numpy(zero_copy_only=False)
        gone = mask & ~left
        counts = (int(gone.sum()), float(hours[gone].sum()), int(left.sum()), float(hours[left].sum()))
        removals.append(Removal(condition.expression, title, condition.reason, *counts))
        mask = left
    return mask, removals


def _threshold(table: pa.Table, mask: np.ndarray, share: Share) -> Condition:
    """The condition that takes the share of the marked rows away, or less of it where scores are equal."""
    values = np.sort(column(share.column, table).filter(pa.array(mask)).drop_null().to_numpy(zero_copy_only=False))
    if not len(values):
        return Condition(f"{share.column} is not None", share.reason)
    count = round(share.share * len(values))
    place, sign = (count, ">=") if share.end == "lowest" else (len(values) - 1 - count, "<=")
    return Condition(f"{share.column} {sign} {values[place]!s}", share.reason)


def _record(clips: ClipTable, removals: Sequence[Removal], preset: str | None, kept: int) -> dict[str, object]:
    """What the metadata keep: one expression that selects the same again, also after earlier selections."""
    before = clips.selection or {}
    earlier = [before["where"]] if before.get("where") else []
    return {
        "where": joined([*earlier, *(removal.expression for removal in removals)]),
        "preset": preset or before.get("preset"),
        "of": before.get("of", len(clips)),
        "kept": kept,
    }
