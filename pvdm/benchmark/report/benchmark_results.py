"""A benchmark's `results.json`, read and checked before it becomes a page."""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Callable
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from pvdm.errors import InputError, one_line

FORMAT = "pvdm-benchmark"
NAME = "results.json"
DATASETS = {"ucf101": "UCF101", "skytimelapse": "SkyTimelapse"}
REMEDY = "run pvdm benchmark again"
Row = TypeVar("Row")


@dataclass(frozen=True)
class Figure:
    """One measured figure; `missing` says why there is no value, `note` how it is to be read.

    spread_over_splits: standard deviation over the splits of an inception score.
    floor: the distance between real clips and other real clips, `floor_clips` of them on each side.
    better: "lower", "higher", or "like real": near `real`, the value of real clips.
    """

    id: str
    name: str
    better: str = "lower"
    setting: str | None = None
    sampler: str | None = None
    part: str | None = None
    value: float | None = None
    spread_over_splits: float | None = None
    real: float | None = None
    floor: float | None = None
    floor_clips: list[Any] = field(default_factory=list)
    protocol: str = "not recorded"
    based_on: str | None = None
    changed: dict[str, Any] = field(default_factory=dict)
    few: bool = False
    counts: dict[str, Any] = field(default_factory=dict)
    missing: str | None = None
    note: str | None = None

    @property
    def is_random(self) -> bool:
        """Whether its detector has random weights, so that it checks the measurement and ranks nothing."""
        return self.id.endswith("_random")

    @property
    def measured_by(self) -> str:
        """The protocol, or the one that was changed."""
        return self.based_on or self.protocol

    @property
    def setting_words(self) -> str:
        """Steps, solver and part of the data."""
        return ", ".join(word for word in (self.setting, self.sampler, self.part) if word)


@dataclass(frozen=True)
class Speed:
    """Time and peak memory to sample one batch of videos."""

    frames: int
    seconds: float | None = None
    setting: str | None = None
    sampler: str | None = None
    peak_memory_bytes: float | None = None
    batch: int = 1
    device: str | None = None
    missing: str | None = None


@dataclass(frozen=True)
class LargestBatch:
    """The largest training batch that fits into a memory."""

    stage: str
    memory_gib: float | None = None
    batch: int | None = None
    missing: str | None = None


@dataclass(frozen=True)
class ShownVideo:
    """A video file of the page."""

    file: str
    kind: str
    label: str | None = None
    setting: str | None = None
    sampler: str | None = None
    frames: int | None = None
    index: int = 0


@dataclass(frozen=True)
class Nearest:
    """A picture of a sample above the training clip nearest to it."""

    picture: str
    sample: str = ""
    training: str = ""
    distance: float | None = None


@dataclass(frozen=True)
class Results:
    """Everything that the report shows; its texts are untrusted and must be escaped."""

    folder: Path
    dataset: str
    quick: bool
    remark: str | None
    date: str
    command: str
    versions: dict[str, Any]
    hardware: dict[str, Any]
    model: dict[str, Any]
    figures: list[Figure]
    speed: list[Speed]
    largest_batch: list[LargestBatch]
    videos: list[ShownVideo]
    nearest: list[Nearest]
    curves: dict[str, Any]
    seconds: dict[str, Any]

    @property
    def title(self) -> str:
        """The data set as people write it."""
        return DATASETS.get(self.dataset, self.dataset)

    @property
    def size(self) -> tuple[int, int] | None:
        """Height and width of the model's videos, where they are recorded."""
        height, width = number(self.model.get("height")), number(self.model.get("width"))
        return None if height is None or width is None else (int(height), int(width))

    @property
    def clip_frames(self) -> int:
        """Frames of one clip of the model."""
        return int(number(self.model.get("frames")) or 16)


def read_results(folder: Path) -> Results:
    """Reads `results.json` of a benchmark's folder; `InputError` if it is absent, damaged or something else."""
    path = folder / NAME
    content = _json(path)
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise InputError(f"{path} is not a result of pvdm benchmark", "give the folder that one has written")
    try:
        return _results(folder, content)
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise InputError(f"{path} is damaged ({one_line(error)})", REMEDY) from error


def number(value: Any) -> float | None:
    """A finite number, or None for anything else."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    return value if is_number else None


def numbers(values: Any) -> list[float | None]:
    """A list of numbers, None where one is not finite; empty if it is no list."""
    return [number(value) for value in values] if isinstance(values, list) else []


def _json(path: Path) -> Any:
    if not path.is_file():
        raise InputError(f"{path} does not exist", "give the folder that pvdm benchmark has written")
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} cannot be read as JSON ({one_line(error)})", REMEDY) from error


def _results(folder: Path, content: dict[str, Any]) -> Results:
    return Results(
        folder=folder,
        dataset=str(content["dataset"]),
        quick=bool(content.get("quick")),
        remark=None if content.get("remark") is None else str(content["remark"]),
        date=str(content.get("date") or "not recorded"),
        command=_command(content.get("command")),
        **{name: _mapping(content, name) for name in ("versions", "hardware", "model", "curves", "seconds")},
        figures=_rows(content, "figures", Figure),
        speed=_rows(content, "speed", Speed),
        largest_batch=_rows(content, "largest_batch", LargestBatch),
        videos=_rows(content, "videos", ShownVideo),
        nearest=_rows(content, "nearest", Nearest),
    )


def _command(value: Any) -> str:
    return shlex.join(map(str, value)) if isinstance(value, list) else str(value or "not recorded")


def _mapping(content: dict[str, Any], name: str) -> dict[str, Any]:
    value = content.get(name) or {}
    if not isinstance(value, dict):
        raise ValueError(f"{name} is no mapping")
    return value


def _rows(content: dict[str, Any], name: str, make: Callable[..., Row]) -> list[Row]:
    entries = content.get(name) or []
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ValueError(f"{name} is no list of mappings")
    return [_row(entry, make, f"{name} {index}") for index, entry in enumerate(entries)]


def _row(entry: dict[str, Any], make: Callable[..., Row], where: str) -> Row:
    """The fields that the page knows; others are ignored, and ValueError names one that is needed and absent."""
    known = {item.name: item for item in fields(make)}
    needed = [name for name, item in known.items() if item.default is MISSING and item.default_factory is MISSING]
    if absent := [name for name in needed if entry.get(name) is None]:
        raise ValueError(f"{where} has no {absent[0]}")
    given = {name: value for name, value in entry.items() if name in known and value is not None}
    return make(**{name: _checked(value, str(known[name].type), f"{where}: {name}") for name, value in given.items()})


def _checked(value: Any, kind: str, where: str) -> Any:
    """The value in the type of its field; numbers that are not finite become None."""
    if kind.startswith("str"):
        return str(value)
    if kind.startswith(("int", "float")):
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            raise ValueError(f"{where} is no number")
        return number(value) if kind.startswith("float") else int(value)
    if kind.startswith("dict") and not isinstance(value, dict):
        raise ValueError(f"{where} is no mapping")
    if kind.startswith("list") and not isinstance(value, list):
        raise ValueError(f"{where} is no list")
    return value
