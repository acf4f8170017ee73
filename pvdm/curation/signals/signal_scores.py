"""The scores of a clip, a span of a file's frames, from what `SignalRecorder` wrote down."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pvdm.curation.signals.clip_kind import clip_kind
from pvdm.curation.signals.frame_changes import UNCHANGED, FrameChanges
from pvdm.curation.signals.global_motion import APART
from pvdm.video import VideoInfo

MEDIANS = ("brightness", "contrast", "sharpness", "blocking", "colorfulness")
UNEVEN = 1.5
"""A clip's rate varies if its longest time between frames is this many times its shortest..."""

TICK = 0.002
"""... and longer by more than rounded timestamps differ, in seconds."""

FEW = 5
"""Frames from one sample to the next among which a single change stands out."""

SIDES = ("top", "bottom", "left", "right")
SEEN = 0.35
"""Share of the samples in which the end of a bar must be seen, so that a dark scene is not taken for one..."""

SAME = 0.35
"""... and the widest bar, of the height or width, that is on the other side, too, where that cannot be seen: an upright
phone's picture in a wide one has bars of 0.342."""


def clip_scores(
    arrays: Mapping[str, np.ndarray], first: int, last: int, *, facts: VideoInfo
) -> dict[str, float | int | str | bool]:
    """All columns of the clip of the frames first to last, inclusive.

    * `motion`: mean optical flow between frames half a second apart, in hundredths of the short side; NaN for a clip
      that has no two samples.
    * `static`: share of consecutive frames that do not change; `frozen`: the longest such run in seconds.
    * `shake`: how far the camera trembles about its smooth path, in hundredths of the short side.
    * `kind`: see `clip_kind`.
    * `brightness`, `contrast` (0 to 1), `sharpness`, `blocking`, `colorfulness`: medians of the samples, see
      `picture_quality`; NaN for a clip without a sample.
    * `crop_top`, `crop_bottom`, `crop_left`, `crop_right`: black bars in pixels of the displayed picture.
    * `variable_rate`: whether the time between frames varies.

    Args:
        arrays: Those of `SignalRecorder`, with `frame_number`, `frame_seconds` and `sample_number`.
        facts: The file's.
    """
    frames = slice(*np.searchsorted(arrays["frame_number"], [first, last + 1]))
    samples = slice(*np.searchsorted(arrays["sample_number"], [first, last + 1]))
    changes = FrameChanges.of(arrays, frames)
    medians = {name: _median(arrays[f"sample_{name}"][samples]) for name in MEDIANS}
    return {
        "motion": _motion(arrays, samples),
        "static": changes.static,
        "frozen": changes.frozen,
        "shake": changes.shake,
        "kind": clip_kind(
            changes,
            flow=arrays["sample_flow"][samples][1:],
            unexplained=arrays["sample_unexplained"][samples][APART:],
            flat=_median(arrays["sample_flat"][samples]),
            sharpness=medians["sharpness"],
        ),
        **medians,
        **_crop(arrays["sample_bars"][samples], facts.height, facts.width),
        "variable_rate": facts.times is not None and _varies(changes.intervals),
    }


def _motion(arrays: Mapping[str, np.ndarray], samples: slice) -> float:
    """The mean flow between samples. A single change in between is a new picture, which flow cannot explain."""
    flow = arrays["sample_flow"][samples][1:]
    places = np.searchsorted(arrays["frame_number"], arrays["sample_number"][samples])
    changes = np.diff(np.cumsum(arrays["frame_peak"] > UNCHANGED)[places])
    is_step = (changes <= 1) & (np.diff(places) >= FEW)
    return float(np.where(is_step, 0, flow).mean()) if len(flow) else float("nan")


def _median(values: np.ndarray) -> float:
    return float(np.median(values)) if len(values) else float("nan")


def _crop(bars: np.ndarray, height: int, width: int) -> dict[str, int]:
    """Bars (n, 4) as shares, NaN if unknown. All but a tenth of the pictures that show a bar have at least the result.

    A side that cannot be seen, as below a dark street, or for subtitles in the bar, is as the opposite one.
    """
    shares = np.full(4, np.nan)
    for side, each in enumerate(bars.T):
        known = each[~np.isnan(each)]
        if len(known) and len(known) >= SEEN * len(each):
            shares[side] = np.quantile(known, 0.1, method="lower")
    opposite = shares[[1, 0, 3, 2]]
    shares = np.where(np.isnan(shares) & (opposite <= SAME), opposite, shares)
    pixels = np.nan_to_num(shares) * (height, height, width, width)
    return {f"crop_{side}": round(value) for side, value in zip(SIDES, pixels, strict=True)}


def _varies(intervals: np.ndarray) -> bool:
    if len(intervals) < 2:
        return False
    shortest, longest = intervals.min(), intervals.max()
    return bool(longest > UNEVEN * shortest and longest - shortest > TICK)
