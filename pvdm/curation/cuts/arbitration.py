"""Hears the arbiter on candidates that the evidence leaves open, within a budget of frames."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from pvdm.curation.cuts.transition import Arbiter

OPEN = 3.0
"""Log odds within which a verdict is open."""

ASKED = {"cut": 2.5, "dissolve": 6.0}
"""Log odds within which the arbiter is asked. It has never changed a verdict on a cut beyond. A camera that passes over
blurred or dark pictures may look more like a dissolve than many are."""

NEUTRAL = {"cut": 0.45, "dissolve": 0.3}
"""Probability of the arbiter that says nothing; TransNetV2 is more sparing with high ones at dissolves."""

MARGIN, JOINED = 2, 50
"""Frames at which the arbiter's verdict may lie beside a candidate; frames apart at which two are heard at once."""

HEARD, HEARD_AT_LEAST = 0.1, 200
"""Part of the frames of a video that the arbiter may see, for the sake of speed, and their number in short ones."""


@dataclass(frozen=True)
class Candidate:
    """A transition that the evidence suggests, with the logarithm of its odds."""

    first: int
    last: int
    kind: Literal["cut", "dissolve"]
    log_odds: float

    @property
    def end(self) -> int:
        """The last frame that it concerns."""
        return max(self.first, self.last)


def heard(candidates: list[Candidate], arbiter: Arbiter, frames: int) -> list[Candidate]:
    """The candidates, with the arbiter's log odds added to those of `ASKED`, the most open ones first."""
    asked = [each for each in candidates if abs(each.log_odds) <= ASKED[each.kind]]
    asked.sort(key=lambda each: abs(each.log_odds))
    cost = np.cumsum([each.end - each.first + 1 + JOINED for each in asked])
    asked = asked[: int(np.searchsorted(cost, max(HEARD * frames, HEARD_AT_LEAST), side="right"))]
    verdict, chosen = np.zeros(frames), set(asked)
    for first, last in _spans(asked, frames):
        verdict[first : last + 1] = arbiter(first, last)
    return [
        replace(each, log_odds=each.log_odds + _log_odds(each, verdict)) if each in chosen else each
        for each in candidates
    ]


def _log_odds(candidate: Candidate, verdicts: np.ndarray) -> float:
    """By the highest probability at a candidate, 0 for `NEUTRAL`."""
    highest = verdicts[max(candidate.first - MARGIN, 0) : candidate.end + MARGIN + 1].max()
    highest, neutral = np.clip(highest, 1e-4, 1 - 1e-4), NEUTRAL[candidate.kind]
    return float(np.log(highest / (1 - highest)) - np.log(neutral / (1 - neutral)))


def _spans(candidates: list[Candidate], frames: int) -> list[tuple[int, int]]:
    """The frames around the candidates; spans that are close to each other are one."""
    spans: list[tuple[int, int]] = []
    for each in sorted(candidates, key=lambda each: each.first):
        first, last = max(each.first - MARGIN, 0), min(each.end + MARGIN, frames - 1)
        if spans and first - spans[-1][1] <= JOINED:
            spans[-1] = (spans[-1][0], max(last, spans[-1][1]))
        else:
            spans.append((first, last))
    return spans


def verdicts(arbiter: Arbiter, numbers: np.ndarray, first: int, last: int) -> np.ndarray:
    """The arbiter's on the frames with these positions in the arrays."""
    asked = numbers[first : last + 1]
    return arbiter(int(asked[0]), int(asked[-1]))[asked - asked[0]]
