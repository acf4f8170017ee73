"""The settings of jobs: what each may be, in one place for the check and for the page that describes the API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from pvdm.errors import InputError
from pvdm.studio.jobs.job_limits import check_names

LONGEST_TEXT = 1000
MOST_SEED = 2**53 - 1
"""The largest whole number that JavaScript keeps exact."""
MOST_STEPS = 200
MOST_SCORES = 16


class Setting(Protocol):
    """A setting of a job."""

    help: str
    default: Any

    def allows(self, value: Any) -> bool:
        """Whether it may have this value, as JSON has it."""

    @property
    def range(self) -> str:
        """What it may be, in words."""


@dataclass(frozen=True)
class Whole:
    """A whole number."""

    low: int
    high: int
    help: str
    default: int | None = None

    def allows(self, value: Any) -> bool:
        return type(value) is int and self.low <= value <= self.high

    @property
    def range(self) -> str:
        return f"a whole number from {self.low} to {self.high}"


@dataclass(frozen=True)
class Number:
    """A number."""

    low: float
    high: float
    help: str
    default: float | None = None

    def allows(self, value: Any) -> bool:
        return type(value) in (int, float) and self.low <= value <= self.high

    @property
    def range(self) -> str:
        return f"a number from {self.low:g} to {self.high:g}"


@dataclass(frozen=True)
class Text:
    """A text."""

    help: str
    default: str | None = None

    def allows(self, value: Any) -> bool:
        return isinstance(value, str) and 0 < len(value) <= LONGEST_TEXT

    @property
    def range(self) -> str:
        return f"a text of at most {LONGEST_TEXT} characters"


@dataclass(frozen=True)
class Switch:
    """True or false."""

    help: str
    default: bool = False

    def allows(self, value: Any) -> bool:
        return isinstance(value, bool)

    @property
    def range(self) -> str:
        return "true or false"


@dataclass(frozen=True)
class Choice:
    """One of several texts."""

    values: tuple[str, ...]
    help: str
    default: str | None = None

    def allows(self, value: Any) -> bool:
        return isinstance(value, str) and value in self.values

    @property
    def range(self) -> str:
        return f"one of {', '.join(self.values)}"


@dataclass(frozen=True)
class Scores:
    """Numbers by name."""

    help: str
    default: None = None

    def allows(self, value: Any) -> bool:
        is_named = isinstance(value, dict) and len(value) <= MOST_SCORES
        return is_named and all(Number(-1e6, 1e6, "").allows(number) for number in value.values())

    @property
    def range(self) -> str:
        return "an object of names and numbers"


@dataclass(frozen=True)
class Clips:
    """Numbers of clips of a stream, in their order."""

    most: int
    help: str
    default: None = None

    def allows(self, value: Any) -> bool:
        is_list = isinstance(value, list) and 0 < len(value) <= self.most
        return is_list and all(type(number) is int and number >= 0 for number in value)

    @property
    def range(self) -> str:
        return f"a list of 1 to {self.most} numbers of clips"


def weight(what: str) -> Number:
    """A weight of guidance."""
    return Number(0, 20, f"weight of guidance by the {what}; 0 turns it off", 0.0)


SEED: dict[str, Setting] = {"seed": Whole(0, MOST_SEED, "seed of the noise", 0)}
CONDITIONS: dict[str, Setting] = {
    "prompt": Text("what is to be seen"),
    "negative_prompt": Text("what guidance by the prompt leads away from"),
    "label": Text("name or index of the class"),
    "scores": Scores('scores of all clips, such as {"motion": 2}'),
}
GUIDED_BY = {"prompt_guidance": "prompt", "label_guidance": "label", "scores_guidance": "scores"}
COMMON: dict[str, Setting] = {
    **SEED,
    "steps": Whole(1, MOST_STEPS, "evaluations of the network for each clip; by default the sampler's"),
    **CONDITIONS,
    "guidance": weight("previous clip"),
    **{name: weight(what) for name, what in GUIDED_BY.items()},
    "format": Choice(("mp4", "webm", "gif", "webp"), "format of the result", "mp4"),
}
"""The settings that all tasks have but `export`."""


def checked_settings(given: Any, known: Mapping[str, Setting], needed: Sequence[str] = ()) -> dict[str, Any]:
    """All settings, those not given or null at their defaults; InputError for an unknown name or value.

    needed: Those that must be given.
    """
    if not isinstance(given, Mapping):
        raise InputError("the settings are no object of names and values", 'send {"seed": 1} or the like')
    check_names("setting", given, known)
    for name, value in given.items():
        if value is not None and not known[name].allows(value):
            shown = str(value) if len(str(value)) <= 40 else f"{str(value)[:40]}..."
            raise InputError(f"{name} is {shown}", f"give {known[name].range}", option=name)
    chosen = {name: value for name, value in given.items() if value is not None}
    if lacking := [name for name in needed if name not in chosen]:
        raise InputError(f"the setting {lacking[0]} is missing", f"give {known[lacking[0]].range}", option=lacking[0])
    for name, what in GUIDED_BY.items():
        if chosen.get(name) and what not in chosen:
            raise InputError(f"{name} is given without {what}", f"give {what}, or leave it out", option=name)
    return {**{name: setting.default for name, setting in known.items()}, **chosen}
