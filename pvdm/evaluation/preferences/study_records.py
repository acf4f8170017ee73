"""What a study's file holds: its settings, the tasks of people, and their votes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from pvdm.evaluation.preferences.task_plan import Kind

Choice = Literal["left", "same", "right"]
CHOICES = get_args(Choice)
ALL_PAIRS = 10**9
"""Pairs for each person, where all are meant."""


@dataclass(frozen=True)
class StudySettings:
    """What a study is.

    Args:
        sources: Names of what is compared.
        questions: What is asked of each pair, by name.
        size: (height, width) of all videos.
        seed: What orders and sides are drawn from.
        pairs, checks, repeats: For each person, see `task_plan.draw`.
        invitation, owner: Tokens for people and for the result; they are kept, so that links remain valid.
    """

    sources: tuple[str, ...]
    questions: Mapping[str, str]
    size: tuple[int, int]
    seed: int
    pairs: int
    checks: int
    repeats: int
    invitation: str
    owner: str


@dataclass(frozen=True)
class Task:
    """What a person is shown: at which place, whether the pair's `one` is on the right, and the answers until now."""

    place: int
    kind: Kind
    pair: int
    is_mirrored: bool
    answers: Mapping[str, Choice]


@dataclass(frozen=True)
class Vote:
    """One answer: who preferred which side of which pair, and the sources on both sides.

    Args:
        person, place: Who, and the number of the task among theirs.
        kind, pair: What was shown.
        left, right: The sources of both videos.
        question: Name of the question.
        choice: The better side, or "same".
        seconds: How long it took.
        time: When, in ISO 8601.
    """

    person: int
    place: int
    kind: Kind
    pair: int
    left: str
    right: str
    question: str
    choice: Choice
    seconds: float = 0.0
    time: str = ""

    @property
    def preferred(self) -> str | None:
        """The source that was preferred; None for a tie."""
        return {"left": self.left, "same": None, "right": self.right}[self.choice]
