"""Decides where transitions are: fades first, then cuts outside them, then dissolves between all of these."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import numpy as np

from pvdm.curation.cuts.arbitration import OPEN, Candidate, heard, verdicts
from pvdm.curation.cuts.evidence import SLOW, SLOWEST
from pvdm.curation.cuts.fades import cuts_beside, find_fades
from pvdm.curation.cuts.frame_evidence import FrameEvidence, around
from pvdm.curation.cuts.transition import Arbiter, Transition
from pvdm.curation.cuts.windows import (
    CUT_FEATURES,
    DISSOLVE_FEATURES,
    LENGTHS,
    REACH,
    LogisticModel,
    cut_features,
    dissolve_windows,
)

CUTS = LogisticModel(-4.83, (0.09, 0.43, 0.98, 1.71, 0.95, -5.9, 1.07, -3.48, -5.79))
DISSOLVES = LogisticModel(
    20.48, (-0.95, 9.09, -10.01, -3.84, -3.77, -5.34, -23.63, -1.01, 1.65, 3.14, -1.87, 1.33, -13.99, -3.27, 0.94)
)
"""Weights of the features, fitted by docs/benchmarks/curation/fit_cuts.py."""

SLIDE, SLIDE_KEPT, SLIDE_STEP, SLIDE_FLASH, STILL = 4.0, 0.5, 3.0, 0.5, 0.4
"""Log odds of a new slide; part of the edges that it keeps at most; its least step; its largest feature `flash`; step
and content score of pictures that stand still."""

LEAST_STEP, LEAST_CONTENT = 1.0, 2.0
"""Least change of a cut, by the tiny picture and by PySceneDetect's content score."""

AT_ONCE, LARGEST = 0.6, DISSOLVE_FEATURES.index("largest")
"""Part of a change in one step from which it is no dissolve."""

LEAST_CHANGE = 6.0
"""Least change over a dissolve, root mean square of the tiny pictures."""

RAMP = 0.05
"""Part of the way from one picture to the other up to which a frame belongs to the clip beside a dissolve."""

BESIDE = 2
"""Frames beside a fade or a flash that belong to no other transition; hard ends of fades are found with them."""

NEAR = 3
"""Frames beside a candidate in which no unlikely one is kept."""

BLENDED = 2
"""Frames between two cuts at most that are one transition."""

UNSURE, SURE = -0.5, 0.0
"""Log odds from which a transition is reported, and from which it is sure."""


def find_transitions(arrays: Mapping[str, np.ndarray], arbiter: Arbiter | None = None) -> list[Transition]:
    """The transitions of a whole video, in order and apart.

    arrays: those of `CutEvidence` for all its frames, `frame_number` and `frame_seconds`; frames that could not be
    decoded may be absent. Without an arbiter the evidence decides. A cut from or to blank frames lies beside the fade
    that these are, so that no frame is between the two.
    """
    frames = FrameEvidence(arrays)
    if len(frames) < 2:
        return []
    numbers = np.asarray(arrays.get("frame_number", np.arange(len(frames))))
    found = _found(frames, None if arbiter is None else partial(verdicts, arbiter, numbers))
    return [_numbered(each, numbers) for each in found]


def _numbered(found: Transition, numbers: np.ndarray) -> Transition:
    """With frames' numbers in place of positions in the arrays."""
    first = int(numbers[found.first])
    return replace(found, first=first, last=first - 1 if found.kind == "cut" else int(numbers[found.last]))


def _found(frames: FrameEvidence, arbiter: Arbiter | None) -> list[Transition]:
    """The transitions, with positions in the arrays in place of frames' numbers."""
    fades, flashes = find_fades(frames)
    closed = np.zeros(len(frames), bool)
    for first, last in (*((fade.first, fade.last) for fade in fades), *flashes):
        closed[max(first - BESIDE, 0) : last + 1 + BESIDE] = True
    cuts = cut_candidates(frames, closed)
    for cut in cuts:
        closed[cut.first] |= cut.log_odds > OPEN
    candidates = _apart(cuts + dissolve_candidates(frames, closed))
    if arbiter is not None:
        candidates = heard(candidates, arbiter, len(frames))
    likely = _joined([each for each in candidates if each.log_odds > UNSURE])
    found = [Transition(each.first, each.last, each.kind, sure=each.log_odds > SURE) for each in likely]
    return sorted((*fades, *cuts_beside(frames, fades), *found), key=lambda each: (each.first, each.last))


def _apart(candidates: list[Candidate]) -> list[Candidate]:
    """In order of time, without those that are beside likelier ones, as the frames after a cut may be.

    A likely cut goes before all dissolves around it; two likely cuts may be near each other.
    """
    kept: list[Candidate] = []
    for each in sorted(candidates, key=lambda each: (each.kind == "cut" and each.log_odds > 0, each.log_odds))[::-1]:
        near = (other for other in kept if each.first <= other.end + NEAR and other.first <= each.end + NEAR)
        if all(each.kind == other.kind and each.log_odds > 0 for other in near):
            kept.append(each)
    return sorted(kept, key=lambda each: each.first)


def _joined(cuts: list[Candidate]) -> list[Candidate]:
    """In order; cuts one or two frames apart, as where frame rates were converted, are one short dissolve."""
    joined: list[Candidate] = []
    for cut in cuts:
        if joined and cut.first - joined[-1].end <= BLENDED:
            odds = max(cut.log_odds, joined[-1].log_odds)
            joined[-1] = Candidate(joined[-1].first, cut.first - 1, "dissolve", odds)
        else:
            joined.append(cut)
    return joined


def cut_candidates(frames: FrameEvidence, closed: np.ndarray) -> list[Candidate]:
    """Frames that may be the first after a cut, in order, of those that are not closed."""
    number = np.flatnonzero(((frames.step > LEAST_STEP) | (frames.content > LEAST_CONTENT)) & ~closed)
    number = number[number > 0]
    features = cut_features(frames, number)
    odds = CUTS.log_odds(features)
    slides = _slides(frames)[number] & (features[:, CUT_FEATURES.index("flash")] < SLIDE_FLASH)
    odds = np.where(slides, np.maximum(odds, SLIDE), odds)
    kept = odds > -OPEN
    return [Candidate(int(n), int(n) - 1, "cut", float(o)) for n, o in zip(number[kept], odds[kept], strict=True)]


def _slides(frames: FrameEvidence) -> np.ndarray:
    """Where a picture that stands still gives way to one with other edges, however alike the two are: (n,) bool."""
    still = (around(frames.content, REACH)[0] < STILL) & (around(frames.step, REACH)[0] < STILL)
    return still & (frames.kept < SLIDE_KEPT) & (frames.step > SLIDE_STEP)


def dissolve_candidates(frames: FrameEvidence, closed: np.ndarray) -> list[Candidate]:
    """The likeliest windows that hold a dissolve and nothing else, apart from each other."""
    frames, count = _without_jumps(frames, closed), np.cumsum(closed)
    rows: list[tuple[float, int, int]] = []
    for length in LENGTHS:
        windows = dissolve_windows(frames, length, least=LEAST_CHANGE)
        free = count[windows.after] == count[windows.before]
        free &= windows.features[:, LARGEST] < AT_ONCE
        odds = DISSOLVES.log_odds(windows.features)
        kept = free & (odds > -OPEN)
        rows += zip(odds[kept].tolist(), windows.before[kept].tolist(), windows.after[kept].tolist(), strict=True)
    taken, found = np.zeros(len(frames), bool), []
    for odds, before, after in sorted(rows, reverse=True):
        if not taken[before : after + 1].any():
            taken[before : after + 1] = True
            found.append(Candidate(*extent(frames, before, after), "dissolve", odds))
    return found


def _without_jumps(frames: FrameEvidence, closed: np.ndarray) -> FrameEvidence:
    """Without scores of the slow detectors that compare frames on both sides of what is closed."""
    arrays = dict(frames.arrays)
    for name, rate in (("frame_content_slow", SLOW), ("frame_histogram", SLOWEST)):
        reach = max(round(frames.second / rate), 1)
        padded = np.concatenate((np.zeros(reach - 1, bool), closed))
        across = np.lib.stride_tricks.sliding_window_view(padded, reach).any(axis=1)
        arrays[name] = np.where(across, 0, arrays[name]).astype(np.float32)
    return FrameEvidence(arrays)


def extent(frames: FrameEvidence, before: int, after: int) -> tuple[int, int]:
    """First and last frame in a window that are a blend of its ends."""
    picture = frames.picture[before : after + 1].astype(np.float32)
    way = picture[-1] - picture[0]
    part = (picture - picture[0]) @ way / max(float(way @ way), 1.0)
    inside = np.flatnonzero((part > RAMP) & (part < 1 - RAMP))
    inside = inside[(inside > 0) & (inside < len(part) - 1)]
    return (before + int(inside[0]), before + int(inside[-1])) if len(inside) else (before + 1, after - 1)
