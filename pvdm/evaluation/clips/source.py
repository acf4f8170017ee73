"""The interface of evaluated clips: anything that yields numbered uint8 clips, one at a time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor


@dataclass(frozen=True)
class Clip:
    """One clip of a source.

    video: (3, t, h, w) uint8; index: its number in the source, from 0; name: for people, such as a path.
    """

    index: int
    video: Tensor
    name: str
    label: int | None = None


class ClipSource(ABC):
    """Clips by number. A clip is the same whenever it is read, and whichever others are read with it.

    A source holds no video in memory: clips are read or sampled on demand.
    """

    classes: tuple[str, ...] | None = None
    """Names of the labels."""

    @abstractmethod
    def __len__(self) -> int:
        """The number of clips."""

    @abstractmethod
    def read(self, indices: Sequence[int], *, batch_size: int = 1) -> Iterator[Clip]:
        """The clips with these numbers, in this order; at most `batch_size` are in memory or sampled at once.

        `InputError` names a file that cannot be decoded.
        """

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """The record for the result, JSON-able: kind, path, counts, sizes, digests; equal for equal clips."""

    def name(self, index: int) -> str:
        """The name of a clip, without reading it."""
        return str(index)

    def group(self, index: int) -> int:
        """The number of the video that a clip is from: clips of one group are not independent."""
        return index

    def others(self, num: int) -> ClipSource | None:
        """At most `num` clips that the source could have chosen and did not; None if there are none."""
        return None

    def key(self) -> dict[str, Any]:
        """The cache key of what is computed from these clips: `describe`, unless that is too coarse."""
        return self.describe()


class FirstClips(ClipSource):
    """The first `num` clips of another source."""

    def __init__(self, source: ClipSource, num: int) -> None:
        self.source, self.num, self.classes = source, num, source.classes

    def __len__(self) -> int:
        return self.num

    def read(self, indices: Sequence[int], *, batch_size: int = 1) -> Iterator[Clip]:
        return self.source.read(indices, batch_size=batch_size)

    def describe(self) -> dict[str, Any]:
        return {**self.source.describe(), "first": self.num}

    def name(self, index: int) -> str:
        return self.source.name(index)

    def group(self, index: int) -> int:
        return self.source.group(index)

    def key(self) -> dict[str, Any]:
        return {**self.source.key(), "first": self.num}
