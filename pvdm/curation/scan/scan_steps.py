"""What the steps that share the pass over a file take notes of, and what follows from the notes without decoding."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pvdm.curation.curation_plan import Plan
from pvdm.curation.cuts.decision import find_transitions
from pvdm.curation.cuts.evidence import CutEvidence
from pvdm.curation.cuts.transition import Transition
from pvdm.curation.cuts.transnet import SHA256, transnet_arbiter
from pvdm.curation.duplicates.hashed_clip import clip_hashes
from pvdm.curation.scan.file_scan import Recorder
from pvdm.curation.scan.raw_files import RawFile
from pvdm.curation.scan.spans import Span
from pvdm.curation.signals.signal_recorder import SignalRecorder
from pvdm.curation.signals.signal_scores import clip_scores

SCAN_VERSION, CLIPS_VERSION = 2, 4
"""Of the notes, and of what follows from them: raised when either changes, so that older results are made anew."""

MEASURED = {
    "motion": ("motion", "static", "frozen", "shake", "kind"),
    "quality": (
        *("brightness", "contrast", "sharpness", "blocking", "colorfulness", "variable_rate"),
        *("crop_top", "crop_bottom", "crop_left", "crop_right"),
    ),
}
"""The columns of each step that scores clips."""


def recorders(plan: Plan) -> list[Recorder]:
    """New ones for a segment, of the steps of a plan."""
    signals = bool({"motion", "quality", "duplicates"} & {*plan.scan_steps})
    return [*([CutEvidence()] if "cuts" in plan.scan_steps else []), *([SignalRecorder()] if signals else [])]


def scan_settings(plan: Plan) -> dict[str, Any]:
    """What the notes depend on."""
    return {"scan": SCAN_VERSION, "recorders": [type(each).__name__ for each in recorders(plan)]}


def clip_settings(plan: Plan) -> dict[str, Any]:
    """What the clips and their scores depend on."""
    arbiter = SHA256 if plan.arbitrated else None
    return {**scan_settings(plan), "clips": CLIPS_VERSION, "arbiter": arbiter, "steps": sorted(plan.scan_steps)}


def joints(plan: Plan, file: RawFile, arrays: Mapping[str, np.ndarray]) -> list[Transition]:
    """The transitions of a file."""
    if "cuts" not in plan.scan_steps:
        return []
    path, decoded = plan.root / file.file, arrays["frame_number"]
    arbiter = transnet_arbiter(path, file.info, decoded) if plan.arbitrated else None
    return find_transitions(arrays, arbiter)


def scores(plan: Plan, file: RawFile, arrays: Mapping[str, np.ndarray], span: Span) -> dict[str, Any]:
    """The columns of a clip that the steps of a plan have; None where there is nothing to measure."""
    wanted = {column for step in plan.scan_steps for column in MEASURED.get(step, ())}
    if not wanted:
        return {}
    found = clip_scores(arrays, span.first, span.last, facts=file.info)
    return {name: None if found[name] != found[name] else found[name] for name in found if name in wanted}


def hashes(plan: Plan, arrays: Mapping[str, np.ndarray], span: Span) -> np.ndarray:
    """(n,) uint64: what duplicates of a clip are found by; none without that step."""
    if "duplicates" not in plan.scan_steps:
        return np.empty(0, np.uint64)
    return clip_hashes(arrays, span.first, span.last)
