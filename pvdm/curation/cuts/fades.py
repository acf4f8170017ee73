"""Fades: runs of blank pictures, and the frames around them in which the contrast falls to them or rises from them."""

from __future__ import annotations

import numpy as np

from pvdm.curation.cuts.frame_evidence import FrameEvidence
from pvdm.curation.cuts.transition import Transition

BLANK = 4.0
"""Deviation of luma, of 255, below which a picture is blank."""

DIP = 0.35
"""Part of the contrast on both sides below which a short dip counts as blank, too."""

DIP_REACH = 18
"""Frames on either side in which the contrast around a dip is sought."""

SLOPE, LOOK = 1.03, 3
"""Factor by which the contrast grows within `LOOK` frames, while a fade goes on."""

STROKE, STROKE_REACH = 0.6, 8
"""Part of the contrast in the next frames that is there at once if there is a cut."""

PARTIAL = 0.5
"""Part of the contrast of its shot below which a first or last frame lies inside a fade."""

FLASH = 4
"""Frames at most of a flash that comes or goes gradually."""

BRIGHTER = 20
"""Mean luma by which a flash is brighter than the picture before."""

SAME, ALIKE = 0.8, 0.5
"""Correlation from which two pictures are the same, and from which they are of the same shot."""


def find_fades(frames: FrameEvidence) -> tuple[list[Transition], list[tuple[int, int]]]:
    """All fades, in order, without a hard cut at an end of one; and first and last frames of flashes of white."""
    if not len(frames):
        return [], []
    spans = [(_end(frames, first, -1), _end(frames, last, 1)) for first, last in _runs(blank_frames(frames))]
    flashes = [span for span in spans if _is_flash(frames, *span)]
    found = [Transition(*span, "fade", sure=True) for span in spans if span not in flashes]
    return _merged(found + _partial(frames)), flashes


def cuts_beside(frames: FrameEvidence, fades: list[Transition]) -> list[Transition]:
    """The hard cuts to and from the blank frames of fades."""
    contrast, starts = frames.contrast, []
    for fade in fades:
        if fade.first and _at_a_stroke(frames, fade.first - 1, -1) and _jumps(contrast, fade.first, fade.first - 1):
            starts.append(fade.first)
        after = fade.last + 1
        if after < len(frames) and _at_a_stroke(frames, after, 1) and _jumps(contrast, fade.last, after):
            starts.append(after)
    return [Transition(start, start - 1, "cut", sure=True) for start in starts]


def _jumps(contrast: np.ndarray, blank: int, seen: int) -> bool:
    return bool(contrast[blank] < DIP * contrast[seen])


def blank_frames(frames: FrameEvidence) -> np.ndarray:
    """Whether each frame is blank, or the lowest of a short dip in contrast between two shots: (n,) bool."""
    contrast, reach = frames.contrast, DIP_REACH * frames.pace
    before, after = _highest(contrast, reach), _highest(contrast[::-1], reach)[::-1]
    dips = contrast < DIP * np.minimum(before, after)
    number = np.arange(len(frames))
    dips &= frames.correlation(number - reach, number + reach) < SAME
    return (contrast < BLANK) | dips


def _highest(values: np.ndarray, reach: int) -> np.ndarray:
    """The highest of up to `reach` values before each, 0 for the first."""
    padded = np.concatenate((np.zeros(reach), values))
    return np.lib.stride_tricks.sliding_window_view(padded, reach)[: len(values)].max(axis=1)


def _runs(mask: np.ndarray) -> list[tuple[int, int]]:
    """First and last index of each run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], mask.astype(np.int8), [0]))))
    return [(int(first), int(end) - 1) for first, end in edges.reshape(-1, 2)]


def _end(frames: FrameEvidence, edge: int, way: int) -> int:
    """The outermost frame of a fade on one side of its blank frames; `edge` itself if there is a hard cut."""
    return edge if _at_a_stroke(frames, edge + way, way) else _grown(frames, edge, way)


def _grown(frames: FrameEvidence, edge: int, way: int) -> int:
    """The outermost frame of a fade from the frame `edge` on, `way` 1 or -1: while the contrast rises steadily."""
    contrast, look, here = frames.contrast, LOOK * frames.pace, edge
    while 0 <= here + way < len(contrast):
        beyond = contrast[[k for k in range(here + 2 * way, here + (look + 2) * way, way) if 0 <= k < len(contrast)]]
        if not len(beyond) or beyond.max() < SLOPE * contrast[here + way] + 0.3:
            break
        here += way
    return here


def _at_a_stroke(frames: FrameEvidence, frame: int, way: int) -> bool:
    """Whether most of the contrast is there at this frame already, so that the picture came or went by a cut."""
    contrast, reach = frames.contrast, STROKE_REACH * frames.pace
    beyond = contrast[[k for k in range(frame, frame + reach * way, way) if 0 <= k < len(contrast)]]
    return bool(len(beyond) and beyond[0] > max(STROKE * beyond.max(), 2 * BLANK))


def _is_flash(frames: FrameEvidence, start: int, end: int) -> bool:
    """Whether the same picture is seen before and after a few brighter frames, or a sudden glare of a second."""
    if start == 0 or end == len(frames) - 1 or end - start >= frames.second:
        return False
    before, after = start - 1, end + 1
    brighter = frames.brightness[start:after].max() > frames.brightness[before] + BRIGHTER
    sudden = _jumps(frames.contrast, start, before) and _jumps(frames.contrast, end, after)
    likeness = frames.correlation(np.array([before]), np.array([after]))[0]
    return bool(brighter and likeness > (ALIKE if sudden else SAME) and (sudden or end - start < FLASH * frames.pace))


def _partial(frames: FrameEvidence) -> list[Transition]:
    """Fades that the start or the end of the video cuts off."""
    contrast, found = frames.contrast, []
    for edge, way in ((0, 1), (len(frames) - 1, -1)):
        end = _grown(frames, edge, way)
        beyond = contrast[min(max(end + way, 0), len(frames) - 1)]
        steady = abs(end - edge) >= LOOK and frames.correlation(np.array([edge]), np.array([end]))[0] > ALIKE
        if contrast[edge] >= BLANK and steady and contrast[edge] < PARTIAL * beyond:
            found.append(Transition(min(edge, end), max(edge, end), "fade", sure=True))
    return found


def _merged(fades: list[Transition]) -> list[Transition]:
    """In order, with those that overlap as one."""
    merged: list[Transition] = []
    for fade in sorted(fades, key=lambda fade: fade.first):
        if merged and fade.first <= merged[-1].last + 1:
            merged[-1] = Transition(merged[-1].first, max(fade.last, merged[-1].last), "fade", sure=True)
        else:
            merged.append(fade)
    return merged
