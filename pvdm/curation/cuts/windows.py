"""Features by which cuts and dissolves are told from motion, and the logistic models that weigh them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pvdm.curation.cuts.frame_evidence import FrameEvidence, around

REACH = 6
"""Frames on either side that a frame is compared with."""

LENGTHS = (5, 6, 8, 10, 13, 16, 20, 25, 32, 42)
"""Frames from the last before a dissolve to the first after it, for which it is looked for."""

CUT_FEATURES = ("step", "jump", "content", "content_jump", "content_peak", "correlation", "stays", "kept", "flash")
DISSOLVE_FEATURES = (
    *("change", "straight", "off_line", "outside", "largest", "correlation", "detail", "detail_ends"),
    *("content_slow", "histogram", "length", "stays", "flash", "one_sided", "steady"),
)


def cut_features(frames: FrameEvidence, number: np.ndarray) -> np.ndarray:
    """Of the frames `number` (n,) as the first after a cut: (n, len(CUT_FEATURES)) float64."""
    step, content, reach = frames.step, frames.content, REACH * frames.pace
    jump = np.log((step + 0.5) / (around(step, reach)[0] + 0.5))
    content_jump, content_peak = (np.log((content + 1) / (others + 1)) for others in around(content, reach))
    stays = persistence(frames, number - 1, number) / (step[number] + 1)
    return np.stack(
        (
            np.log1p(step[number]),
            jump[number],
            np.log1p(content[number]),
            content_jump[number],
            content_peak[number],
            frames.correlation(number, number - 1),
            stays,
            frames.kept[number],
            frames.one_sided(number, number - 1) * (1 - stays),
        ),
        axis=1,
    )


def persistence(frames: FrameEvidence, before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """The least distance from before to after within a second: small where a flash begins or ends: (n,)."""
    least = frames.distance(before, after)
    for away in range(frames.pace, frames.second + 1, 2 * frames.pace):
        np.minimum(least, frames.distance(before, after + away), out=least)
        np.minimum(least, frames.distance(before - away, after), out=least)
    return least


@dataclass(frozen=True)
class Windows:
    """Windows of one length: `before` and `after` (n,) are the frames around a dissolve, `features` (n, k)."""

    before: np.ndarray
    after: np.ndarray
    features: np.ndarray


def dissolve_windows(frames: FrameEvidence, length: int, *, least: float) -> Windows:
    """The windows of a length over which the picture changes by at least `least`."""
    length *= frames.pace
    before = np.arange(max(len(frames) - length, 0))
    change = frames.distance(before, before + length)
    before, change = before[change >= least], change[change >= least]
    return Windows(before, before + length, _dissolve_features(frames, before, before + length, change))


def _dissolve_features(frames: FrameEvidence, before: np.ndarray, after: np.ndarray, change: np.ndarray) -> np.ndarray:
    """In a dissolve the picture goes straight to another, unlike before and after, and has less detail on the way.

    All details of both pictures are there at a fraction of their contrast, so their sum falls below that of the ends.
    """
    path, detail, length = np.cumsum(frames.step), frames.detail, int(after[0] - before[0]) if len(before) else 1
    far = min(max(length // 2, 4), 8 * frames.pace)
    outside = (frames.distance(before, before - far), frames.distance(after, after + far))
    stays, one_sided = persistence(frames, before, after) / (change + 1), frames.one_sided(before, after)
    ends, least = (detail[before], detail[after]), lowest(detail, length)[before]
    return np.stack(
        (
            np.log(change),
            change / (path[after] - path[before] + 0.1),
            frames.off_line(before, (before + after) // 2, after) / change,
            np.minimum((outside[0] + outside[1]) / change, 2.0),
            -lowest(-frames.step, length)[before] / change,
            frames.correlation(before, after),
            (least + 0.2) / (np.sqrt(ends[0] * ends[1]) + 0.2),
            (least + 0.2) / (np.minimum(*ends) + 0.2),
            np.log1p(-lowest(-frames.content_slow, length + 4 * frames.pace)[before]),
            -lowest(-frames.histogram, length + 12 * frames.pace)[before],
            np.full(len(before), np.log(length / frames.pace)),
            stays,
            one_sided * (1 - stays),
            one_sided,
            _steadiness(frames, before, after),
        ),
        axis=1,
    )


def _steadiness(frames: FrameEvidence, before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """How far pixels get in several frames, by the slow detector, as part of their way frame by frame: 1 in a blend."""
    slow, full = np.cumsum(frames.content_slow), np.cumsum(frames.content)
    reached = slow[np.minimum(after + 2 * frames.pace, len(frames) - 1)] - slow[np.maximum(before - frames.pace, 0)]
    return np.minimum(reached / (full[after] - full[before] + 2), 2.0)


def lowest(values: np.ndarray, length: int) -> np.ndarray:
    """The least of the values after each, up to `length` away: (n,)."""
    padded = np.concatenate((values[1:], np.full(length, values[-1:] if len(values) else 0)))
    least, have = padded, 1
    while have < length:  # doubling
        shift = min(have, length - have)
        least = np.minimum(least, np.concatenate((least[shift:], np.full(shift, least[-1]))))
        have += shift
    return least[: len(values)]


@dataclass(frozen=True)
class LogisticModel:
    """The logarithm of the odds: `bias` and one weight a feature."""

    bias: float
    weights: tuple[float, ...]

    def log_odds(self, features: np.ndarray) -> np.ndarray:
        """(n, k) -> (n,)."""
        return features @ np.array(self.weights) + self.bias
