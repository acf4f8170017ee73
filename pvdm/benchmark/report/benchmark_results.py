"""A benchmark's `results.json`, read and checked before it becomes a page."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass, field, fields
from pathlib import Path
from textwrap import shorten
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from pvdm.errors import InputError, one_line

FORMAT = "pvdm-benchmark"
NAME = "results.json"
DATASETS = {"ucf101": "UCF101", "skytimelapse": "SkyTimelapse"}
REMEDY = "run pvdm benchmark again"
T = TypeVar("T")


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

    @property
    def row(self) -> tuple[str | None, ...]:
        """Equal for what stands in one row of the table."""
        return self.setting, self.sampler, self.device


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


ROWS = {"figures": Figure, "speed": Speed, "largest_batch": LargestBatch, "videos": ShownVideo, "nearest": Nearest}
"""The lists of the results, and what they hold."""


@dataclass(frozen=True)
class Results:
    """Everything that the report shows; its texts are untrusted and must be escaped."""

    folder: Path
    dataset: str
    quick: bool = False
    remark: str | None = None
    date: str = "not recorded"
    command: str = "not recorded"
    versions: dict[str, Any] = field(default_factory=dict)
    hardware: dict[str, Any] = field(default_factory=dict)
    model: dict[str, Any] = field(default_factory=dict)
    figures: list[Figure] = field(default_factory=list)
    speed: list[Speed] = field(default_factory=list)
    largest_batch: list[LargestBatch] = field(default_factory=list)
    videos: list[ShownVideo] = field(default_factory=list)
    nearest: list[Nearest] = field(default_factory=list)
    curves: dict[str, Any] = field(default_factory=dict)
    seconds: dict[str, Any] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """The data set as people write it."""
        return DATASETS.get(self.dataset, self.dataset)

    @property
    def size(self) -> tuple[int, int] | None:
        """Height and width of the model's videos, where they are recorded."""
        height, width = self.model.get("height"), self.model.get("width")
        return (height, width) if height and width else None

    @property
    def clip_frames(self) -> int:
        """Frames of one clip of the model."""
        return self.model.get("frames") or 16


def read_results(folder: Path) -> Results:
    """Reads `results.json` of a benchmark's folder; InputError if it is absent, damaged or something else."""
    path = folder / NAME
    if not path.is_file():
        raise InputError(f"{path} does not exist", "give the folder that pvdm benchmark has written")
    try:
        content = json.loads(path.read_text(encoding="utf-8"), parse_constant=lambda _: None)  # NaN and infinity
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} cannot be read as JSON ({one_line(error)})", REMEDY) from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise InputError(f"{path} is not a result of pvdm benchmark", "give the folder that one has written")
    if isinstance(content.get("command"), list):
        content["command"] = shlex.join(map(str, content["command"]))
    try:
        rows = {name: [_made(kind, row) for row in content.get(name) or ()] for name, kind in ROWS.items()}
        return _made(Results, {**content, **rows, "folder": folder})
    except (TypeError, AttributeError) as error:
        raise InputError(f"{path} is damaged ({one_line(error)})", REMEDY) from error


def _made(kind: type[T], entry: dict[str, Any]) -> T:
    """A dataclass from JSON: unknown keys are ignored, empty ones take the default; TypeError for a damaged one."""
    given = {item.name: entry[item.name] for item in fields(kind) if entry.get(item.name) not in (None, [], {})}
    for name, hint in get_type_hints(kind).items():
        kinds = [get_origin(part) or part for part in (get_args(hint) if get_origin(hint) is UnionType else (hint,))]
        if name in given and not isinstance(given[name], (*kinds, *([int] if float in kinds else []))):
            raise TypeError(f"{name} is {shorten(repr(given[name]), 40)}")
    return kind(**given)
