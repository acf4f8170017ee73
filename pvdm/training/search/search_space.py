"""The search space: which keys of a config are searched, and over which values."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from pvdm.cli_parser import nearest
from pvdm.errors import InputError
from pvdm.training.cli.next_command import as_text

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

KINDS = ("float", "log", "int", "categorical")
ENTRIES = ("type", "low", "high", "log", "step", "points", "choices")
"""What an entry of the file may hold; other mappings are groups of keys, as in a config."""

OWN = ("config", "ckpt_path", "print_config", "seed_everything", "trainer.default_root_dir", "checkpoint.dirpath")
"""Keys that belong to the search itself, or by whose choice trials could not be compared."""

MOST_POINTS = 10_000
"""Largest grid."""


@dataclass(frozen=True)
class Dimension:
    """One key and its values.

    Args:
        key: As on the command line, such as model.optimizer.learning_rate.
        kind: float, int or categorical.
        low, high: Range of a number, both included.
        log: Whether numbers are drawn evenly on a logarithmic scale.
        step: Distance of neighboring numbers from low on; None for any, of whole numbers 1.
        points: How many numbers a grid takes, evenly spaced on their scale.
        choices: Values of a categorical key; lists and mappings as YAML text.
    """

    key: str
    kind: str
    low: float | None = None
    high: float | None = None
    log: bool = False
    step: float | None = None
    points: int | None = None
    choices: tuple[Any, ...] = ()

    def distribution(self) -> BaseDistribution:
        """The same for Optuna."""
        from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

        if self.kind == "categorical":
            return CategoricalDistribution(self.choices)
        if self.kind == "int":
            return IntDistribution(self.low, self.high, log=self.log, step=self.step or 1)
        return FloatDistribution(self.low, self.high, log=self.log, step=self.step)

    def grid(self) -> list[Any]:
        """The values of a grid; InputError if the entry does not say which."""
        if self.kind == "categorical":
            return list(self.choices)
        if self.points is None and (self.step or (self.kind == "int" and not self.log)):
            step = self.step or 1
            return [self.low + step * n for n in range(math.floor((self.high - self.low) / step + 1e-9) + 1)]
        if self.points is None:
            problem = f"{self.key} has no points for a grid"
            raise InputError(problem, "give it points: 5, a step, or choices, or choose --method tpe or random")
        ends = (math.log(self.low), math.log(self.high)) if self.log else (self.low, self.high)
        parts = [ends[0] + (ends[1] - ends[0]) * n / max(self.points - 1, 1) for n in range(self.points)]
        values = [min(max(math.exp(part) if self.log else part, self.low), self.high) for part in parts]
        return list(dict.fromkeys(map(round, values))) if self.kind == "int" else values

    def examples(self) -> list[Any]:
        """The values that are tried on the parser: all choices, or both ends of a range."""
        return list(self.choices) if self.kind == "categorical" else [self.low, self.high]


@dataclass(frozen=True)
class SearchSpace:
    """The dimensions of a search, in the order of the file."""

    dimensions: tuple[Dimension, ...]

    @classmethod
    def read(cls, path: Path) -> SearchSpace:
        """The space in a YAML file; InputError, which names the entry, for anything else."""
        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise InputError(f"there is no search space {path}", "check --search") from error
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            reason = " ".join(str(error).split())
            raise InputError(f"the search space {path} cannot be read as YAML ({reason})", "correct it") from error
        if not isinstance(content, dict) or not content:
            problem = f"the search space {path} is not a mapping of config keys to their values"
            raise InputError(problem, "write entries such as data.batch_size: {type: int, low: 2, high: 8}")
        dimensions = tuple(_dimension(key, entry) for key, entry in _entries(content))
        keys = [dimension.key for dimension in dimensions]
        if twice := next((key for key in keys if keys.count(key) > 1), None):
            raise InputError(f"{twice} is in the search space {path} twice", "leave one out")
        return cls(dimensions)

    def distributions(self) -> dict[str, BaseDistribution]:
        """Of all keys, for Optuna."""
        return {dimension.key: dimension.distribution() for dimension in self.dimensions}

    def grid(self) -> list[dict[str, Any]]:
        """Every combination of the values; InputError if there are too many or a range has no points."""
        values = [dimension.grid() for dimension in self.dimensions]
        count = math.prod(map(len, values))
        if count > MOST_POINTS:
            problem = f"the grid has {count} points, more than {MOST_POINTS}"
            raise InputError(problem, "give fewer points or choices, or choose --method tpe or random")
        keys = [dimension.key for dimension in self.dimensions]
        return [dict(zip(keys, point, strict=True)) for point in itertools.product(*values)]

    def examples(self) -> Iterator[dict[str, Any]]:
        """Points that together have both ends of every range, and every choice."""
        columns = {dimension.key: dimension.examples() for dimension in self.dimensions}
        for number in range(max(map(len, columns.values()))):
            yield {key: column[min(number, len(column) - 1)] for key, column in columns.items()}

    def to_json(self) -> list[dict[str, Any]]:
        """What distinguishes this space from others, JSON-able; the points of a grid do not."""
        names = ("key", "kind", "low", "high", "log", "step")
        parts = [{name: getattr(dimension, name) for name in names} for dimension in self.dimensions]
        return [{**part, "choices": list(self.dimensions[n].choices)} for n, part in enumerate(parts)]


def options_of(values: Mapping[str, Any]) -> list[str]:
    """A point of the space as options of `pvdm fit`."""
    return [f"--{key}={as_text(value)}" for key, value in values.items()]


def check_keys(space: SearchSpace, config: Mapping[str, Any], point: Mapping[str, Any]) -> None:
    """InputError if a key does not exist, belongs to the search, or follows from another key.

    config: The configuration in which `point` was given, by the keys of the command line.
    """
    for dimension in space.dimensions:
        key = dimension.key
        if key in OWN or any(key.startswith(f"{own}.") for own in OWN):
            raise InputError(f"{key} cannot be searched", "leave it out of the search space; it is that of all trials")
        if key not in config:
            problem = f"{key} is not a key of the config{nearest(key, config)}"
            raise InputError(problem, "pvdm fit --print_config shows all")
        found, given = as_text(_plain(config[key])), as_text(_plain(yaml.safe_load(as_text(point[key]))))
        if found != given and not _are_equal(found, given):
            raise InputError(f"{key} follows from another key", "leave it out of the search space, or search that key")


def by_key(config: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every key of a configuration and its value, groups included, by the names of the command line."""
    for name, value in config.items():
        key = prefix if name == "init_args" else f"{prefix}.{name}".lstrip(".")
        if name != "init_args":
            yield key, value
        if isinstance(value, Mapping):
            yield from by_key(value, key)


def _plain(value: Any) -> Any:
    """The value in the types of YAML."""
    return list(value) if isinstance(value, tuple) else value


def _are_equal(found: str, given: str) -> bool:
    """Whether two texts are the same number."""
    try:
        return float(found) == float(given)
    except ValueError:
        return False


def _entries(content: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The keys and entries, of which groups may be written as nested mappings, as in a config."""
    for name, value in content.items():
        key = prefix if name == "init_args" else f"{prefix}.{name}".lstrip(".")
        is_group = isinstance(value, Mapping) and value and not set(value) & set(ENTRIES)
        if is_group and any(isinstance(part, (Mapping, list)) for part in value.values()):
            yield from _entries(value, key)
        else:
            yield key, value


def _dimension(key: str, entry: Any) -> Dimension:
    if isinstance(entry, Sequence) and not isinstance(entry, str):
        entry = {"choices": entry}
    if not isinstance(entry, Mapping):
        remedy = "give a list of choices, or a mapping such as {type: log, low: 1e-4, high: 1e-2}"
        raise InputError(f"{key} is {entry!r} in the search space", remedy)
    if unknown := next((name for name in entry if name not in ENTRIES), None):
        close = nearest(str(unknown), ENTRIES)
        problem = f"{unknown} is not an entry of {key} in the search space{close}"
        raise InputError(problem, f"give {', '.join(ENTRIES)}")
    kind = entry.get("type", "categorical" if "choices" in entry else _kind_of(entry))
    if kind not in KINDS:
        problem = f"the type of {key} is {kind} in the search space{nearest(str(kind), KINDS)}"
        raise InputError(problem, f"give one of {', '.join(KINDS)}")
    return _categorical(key, entry) if kind == "categorical" else _range(key, kind, entry)


def _kind_of(entry: Mapping[str, Any]) -> str:
    """int where both ends are whole numbers."""
    return "int" if all(type(entry.get(end)) is int for end in ("low", "high")) else "float"


def _categorical(key: str, entry: Mapping[str, Any]) -> Dimension:
    choices = entry.get("choices")
    if ranged := next((name for name in entry if name not in ("type", "choices")), None):
        raise InputError(f"{key} has choices and {ranged} in the search space", "give one or the other")
    if not isinstance(choices, list) or len(choices) < 2:
        raise InputError(f"{key} has no choices in the search space", "give a list of at least two")
    texts = tuple(value if _is_scalar(value) else as_text(value) for value in choices)
    if len(set(map(repr, texts))) < len(texts):
        raise InputError(f"{key} has a choice twice in the search space", "leave one out")
    return Dimension(key, "categorical", choices=texts)


def _range(key: str, kind: str, entry: Mapping[str, Any]) -> Dimension:
    if "choices" in entry:
        raise InputError(f"{key} has choices, and type {kind}, in the search space", "leave one out")
    log = entry.get("log", kind == "log")
    if not isinstance(log, bool):
        raise InputError(f"log of {key} is {log} in the search space", "give true or false")
    low, high = (_number(key, end, entry.get(end), whole=kind == "int") for end in ("low", "high"))
    if not low < high:
        raise InputError(f"{key} has low {low} and high {high} in the search space", "give a low below high")
    if log and low <= 0:
        raise InputError(f"{key} has low {low} on a logarithmic scale in the search space", "give a low above 0")
    step = None if entry.get("step") is None else _number(key, "step", entry["step"], whole=kind == "int")
    if step is not None and (step <= 0 or log):
        remedy = "leave it out: a logarithmic scale has no steps" if log else "give a step above 0"
        raise InputError(f"{key} has step {step} in the search space", remedy)
    points = None if entry.get("points") is None else _number(key, "points", entry["points"], whole=True)
    if points is not None and points < 2:
        raise InputError(f"{key} has points {points} in the search space", "give at least 2")
    return Dimension(key, "int" if kind == "int" else "float", low, high, log, step, points)


def _number(key: str, name: str, value: Any, *, whole: bool) -> float:
    """A finite number; YAML takes 1e-4 for text."""
    try:
        number = float(value) if isinstance(value, (int, float, str)) and not isinstance(value, bool) else math.nan
    except ValueError:
        number = math.nan
    if not math.isfinite(number) or (whole and number != int(number)):
        found = "missing" if value is None else repr(value)
        wanted = "a whole number" if whole else "a number"
        raise InputError(f"{name} of {key} is {found} in the search space", f"give {wanted}")
    return int(number) if whole else number


def _is_scalar(value: Any) -> bool:
    return value is None or isinstance(value, (bool, int, float, str))
