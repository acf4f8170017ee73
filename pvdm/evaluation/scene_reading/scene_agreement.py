"""Whether what is read in a clip agrees with a caption, or with what is known of the scene."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import dist

from pvdm.data.scenes.scene_caption import WAYS
from pvdm.data.scenes.scene_facts import BodyFacts, Direction
from pvdm.evaluation.scene_reading.scene_networks import COLOR_NAMES, SHAPE_NAMES
from pvdm.evaluation.scene_reading.scene_reader import BodyReading

NEAR = 0.05
"""Share of the picture's side by which places may differ."""

VERTICAL: tuple[Direction, ...] = ("up", "down", "up and down")
VERBS: dict[str, tuple[Direction, ...]] = {
    "stands still": ("none",),
    "turns": ("none",),
    "bounces": VERTICAL,
    "rises and falls": VERTICAL,
    "rises": ("up",),
    "falls": ("down",),
    **{words: (direction,) for direction, words in WAYS.items()},
}
"""The directions that words of a caption mean; the first words found count."""


@dataclass(frozen=True)
class Claim:
    """What a caption says of a body; None and no directions where it says nothing."""

    color: str | None
    shape: str | None
    directions: tuple[Direction, ...] = ()


@dataclass(frozen=True)
class Agreement:
    """Which properties of a body agree; None where nothing is claimed of one."""

    color: bool | None
    shape: bool | None
    place: bool | None
    direction: bool | None

    @property
    def together(self) -> bool:
        """Whether all that is claimed agrees."""
        return all(value is not False for value in (self.color, self.shape, self.place, self.direction))

    @property
    def count(self) -> int:
        """How many properties agree."""
        return sum(value is True for value in (self.color, self.shape, self.place, self.direction))


def claims_of(caption: str) -> list[Claim]:
    """What a caption of a scene says of each body, in the order of the caption.

    A body is named by a color or a shape, as in `a large red sphere rolls to the left, a blue cube stands still`. What
    follows a semicolon is about the camera, and bodies that are passed have claims of their own.
    """
    clauses = [clause.partition(" and passes")[0] for clause in caption.partition(";")[0].split(",")]
    claims = [Claim(_word(clause, COLOR_NAMES), _word(clause, SHAPE_NAMES), _directions(clause)) for clause in clauses]
    return [claim for claim in claims if claim.color or claim.shape]


def agreement(reading: BodyReading | None, wanted: Claim | BodyFacts) -> Agreement:
    """Which properties of a reading are as they should be; None, no body, agrees with nothing."""
    place = wanted.place if isinstance(wanted, BodyFacts) else None
    directions = (wanted.direction, *wanted.also) if isinstance(wanted, BodyFacts) else wanted.directions
    return Agreement(
        color=None if wanted.color is None else reading is not None and reading.color == wanted.color,
        shape=None if wanted.shape is None else reading is not None and reading.shape == wanted.shape,
        place=None if place is None else reading is not None and dist(reading.place, place) <= NEAR,
        direction=None if not directions else reading is not None and reading.direction in directions,
    )


def agreements(readings: Sequence[BodyReading], wanted: str | Sequence[Claim | BodyFacts]) -> list[Agreement]:
    """For each body of a caption, of claims or of a scene, which of its properties are read.

    Bodies and readings are paired one to one, those that agree in most properties first, and else in their order.
    """
    bodies = claims_of(wanted) if isinstance(wanted, str) else wanted
    pairs = [(row, column) for row in range(len(bodies)) for column in range(len(readings))]
    pairs.sort(key=lambda pair: agreement(readings[pair[1]], bodies[pair[0]]).count, reverse=True)
    chosen: dict[int, int] = {}
    for row, column in pairs:
        if row not in chosen and column not in chosen.values():
            chosen[row] = column
    return [agreement(readings[chosen[row]] if row in chosen else None, body) for row, body in enumerate(bodies)]


def _word(clause: str, names: Sequence[str]) -> str | None:
    return next((word for word in re.findall(r"\w+", clause) if word in names), None)


def _directions(clause: str) -> tuple[Direction, ...]:
    return next((meant for words, meant in VERBS.items() if words in clause), ())
