"""The clips of a file: maximal spans of frames between its cuts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np


class Joint(Protocol):
    """A transition: the clip before ends before `first`, the next begins after `last`; unsure ones end none."""

    first: int
    last: int
    sure: bool


@dataclass(frozen=True)
class Span:
    """The frames [first, last]; how many unsure joints lie inside; whether its frames are damaged."""

    first: int
    last: int
    cuts: int = 0
    damaged: bool = False


def spans_between(joints: Iterable[Joint], numbers: np.ndarray, frames: int) -> list[Span]:
    """The spans of a file of `frames` frames, in order.

    numbers: (n,) the frames that could be decoded, increasing. Runs of others are damaged spans; frames of a gradual
    transition belong to no span.
    """
    joints = list(joints)
    decoded = np.zeros(frames, bool)
    decoded[numbers] = True
    free, starts = decoded.copy(), np.zeros(frames + 1, bool)
    for joint in joints:
        if joint.sure:
            free[joint.first : joint.last + 1] = False
            starts[joint.first] = True
            starts[joint.last + 1] = True
    unsure = [joint.first for joint in joints if not joint.sure]
    spans = [Span(first, last, sum(first < at <= last for at in unsure)) for first, last in _runs(free, starts)]
    damaged = [Span(first, last, damaged=True) for first, last in _runs(~decoded, np.zeros(frames + 1, bool))]
    return sorted([*spans, *damaged], key=lambda span: span.first)


def _runs(taken: np.ndarray, starts: np.ndarray) -> list[tuple[int, int]]:
    """The first and last positions of the runs of True, which also end before each start."""
    before = np.concatenate([[False], taken[:-1]])
    after = np.concatenate([taken[1:], [False]])
    firsts = np.flatnonzero(taken & (~before | starts[:-1]))
    lasts = np.flatnonzero(taken & (~after | starts[1:]))
    return list(zip(firsts.tolist(), lasts.tolist(), strict=True))
