"""Tells video from what only looks like it: stills, slideshows, screen recordings; and a camera that shakes."""

from __future__ import annotations

from typing import Literal

import numpy as np

from pvdm.curation.signals.frame_changes import FrameChanges

Kind = Literal["video", "still", "slideshow", "screen", "shaking"]

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

SHAKY = 0.3
"""Hundredths of the short side by which a hand-held camera trembles; steady ones and pans stay below."""


def clip_kind(changes: FrameChanges, *, flat: float, sharpness: float) -> Kind:
    """One of `still`, `slideshow`, `screen`, `shaking` and `video`, the first whose signs are there.

    Args:
        changes: Those of the clip's frames.
        flat: Share of pixels in the most frequent tone; sharpness: variance of the Laplacian; NaN if unknown.
    """
    new_pictures = int((changes.steps >= NEW_PICTURE).sum())
    if changes.static >= STILL and not new_pictures:
        return "still"
    if changes.held >= MOSTLY_HELD and new_pictures > len(changes.steps) / 2:
        return "slideshow"
    if flat >= PAGE and sharpness >= PRINT * (1 - flat) and _is_worked_on(changes):
        return "screen"
    return "shaking" if changes.shake >= SHAKY else "video"


def _is_worked_on(changes: FrameChanges) -> bool:
    """Whether at least half of the time little changes, or the picture scrolls up or down."""
    aside, along = np.abs(changes.shift).T
    scrolls = (aside <= ASIDE) & (along >= SCROLLED)
    return bool(((changes.part <= CALM) | scrolls).mean() >= 0.5)
