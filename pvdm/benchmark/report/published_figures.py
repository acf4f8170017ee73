"""Figures that others have published, each with its source and how far it can be trusted."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import yaml

FILE = Path(__file__).with_name("published.yaml")
Trust = Literal["paper", "secondary"]


@dataclass(frozen=True, kw_only=True)
class Published:
    """One published value.

    source, url: Who says so, and where to check it; trust: whether these are the method's own authors.
    setting: Steps of the first and later clips; None where the source does not print them.
    protocol: How it was measured, by our name for it; None where that is not stated.
    size: Height and width of the videos; classes: whether the model is told the class of each video.
    """

    method: str
    dataset: str
    id: str
    value: float
    source: str
    url: str
    trust: Trust
    spread: float | None = None
    setting: str | None = None
    part: str | None = None
    protocol: str | None = None
    size: int | None = 256
    classes: bool = False
    trained_on: str | None = None
    note: str | None = None

    @property
    def is_comparable(self) -> bool:
        """Whether it belongs in the paper's table: 256x256, and the model is not told the class."""
        return self.size == 256 and not self.classes

    @property
    def source_key(self) -> str:
        """Equal for figures of one source, with the same note."""
        return "\n".join(map(str, (self.trust, self.source, self.url, self.note)))

    @property
    def size_words(self) -> str | None:
        """The size, where it is not the paper's."""
        return None if self.size == 256 else f"{self.size}x{self.size}" if self.size else "size not stated"


@dataclass(frozen=True, kw_only=True)
class Efficiency:
    """Published seconds and memory (10^9 bytes) to sample one video; batch: the largest that can be trained with."""

    method: str
    frames: int
    size: int
    device: str
    seconds: float
    memory: float
    source: str
    url: str
    trust: Trust
    batch: int | None = None
    at_least: bool = False
    setting: str | None = None
    note: str | None = None


def published(dataset: str) -> list[Published]:
    """The published values on a data set (`ucf101`, `skytimelapse`)."""
    rows = [Published(**_with_source(row)) for row in _content()["figures"]]
    return [row for row in rows if row.dataset == dataset]


def efficiency() -> list[Efficiency]:
    """Published times and memory."""
    return [Efficiency(**_with_source(row)) for row in _content()["efficiency"]]


def notes(dataset: str) -> list[dict[str, str]]:
    """The caveats about the published values on a data set: `text`, and its source `url`."""
    return [note for note in _content()["notes"] if dataset in note["datasets"]]


def _with_source(row: dict[str, Any]) -> dict[str, Any]:
    """The row with its source's name and address in place of the source's key."""
    source = _content()["sources"][row["source"]]
    return {**row, "source": source["name"], "url": row.get("url", source.get("url"))}


@lru_cache(maxsize=1)
def _content() -> dict[str, Any]:
    return yaml.safe_load(FILE.read_text(encoding="utf-8"))
