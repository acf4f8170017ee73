"""Tells video from what only looks like it: stills, slideshows, photos, screens; and a camera that shakes."""

from __future__ import annotations

from typing import Literal

import numpy as np

from pvdm.curation.signals.frame_changes import FrameChanges

Kind = Literal["video", "still", "slideshow", "screen", "photo", "shaking"]

MOSTLY_HELD = 0.6
"""Share of a slideshow's time in which nothing changes; the rest are dissolves."""

NEW_PICTURE = 0.15
"""Share of the picture that a new slide changes."""

STILL = 0.97
"""Share of a still's pairs of frames in which nothing changes."""

PAGE, PRINT = 0.3, 700.0
"""Screens: share of pixels of one flat tone, and the sharpness of the rest, which is letters and lines, at least."""

CALM = 0.03
"""Share of the picture that a cursor, a caret or a letter changes."""

SCROLLED, ASIDE = 0.3, 0.1
"""Scrolling goes at least this far up or down, at most this far aside, in hundredths of the short side."""

PASSED, EXPLAINED, COMPARED = 0.3, 1.0, 2
"""A photo that is panned or zoomed: its flow in half a second is at least the first in most of them, and what shifts,
turns and zooms of the whole picture leave of the motion at most the second in all, in hundredths of the short side; and
there are at least so many to tell. Codecs leave 0.9, clouds that drift for 2 s 1.1, a camera that flies 1.5."""

SHAKY = 0.3
"""Hundredths of the short side by which a hand-held camera trembles; steady ones and pans stay below."""


def clip_kind(
    changes: FrameChanges, *, flow: np.ndarray, unexplained: np.ndarray, flat: float, sharpness: float
) -> Kind:
    """One of `still`, `slideshow`, `screen`, `photo`, `shaking` and `video`, the first whose signs are there.

    Args:
        changes: Those of the clip's frames.
        flow, unexplained: Of the samples that are compared with others of the clip, see `SignalRecorder`.
        flat: Share of pixels in the most frequent tone; sharpness: variance of the Laplacian; NaN if unknown.
    """
    new_pictures = int((changes.steps >= NEW_PICTURE).sum())
    if changes.static >= STILL and not new_pictures:
        return "still"
    if changes.held >= MOSTLY_HELD and new_pictures > len(changes.steps) / 2:
        return "slideshow"
    if flat >= PAGE and sharpness >= PRINT * (1 - flat) and _is_worked_on(changes):
        return "screen"
    if _is_passed_over(flow, unexplained):
        return "photo"
    return "shaking" if changes.shake >= SHAKY else "video"


def _is_passed_over(flow: np.ndarray, unexplained: np.ndarray) -> bool:
    """Whether the whole picture moves as one, for as long as there is to tell."""
    return bool(len(unexplained) >= COMPARED and (unexplained <= EXPLAINED).all() and np.median(flow) >= PASSED)


def _is_worked_on(changes: FrameChanges) -> bool:
    """Whether at least half of the time little changes, or the picture scrolls up or down."""
    aside, along = np.abs(changes.shift).T
    scrolls = (aside <= ASIDE) & (along >= SCROLLED)
    return bool(((changes.part <= CALM) | scrolls).mean() >= 0.5)
