"""Where evaluated clips come from: anything that gives numbered uint8 clips one at a time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor


@dataclass(frozen=True)
class Clip:
    """One clip of a source.

    video: (3, t, h, w) uint8; index: its number in the source, from 0; name: what a person would find it by.
    """

    index: int
    video: Tensor
    name: str
    label: int | None = None


class ClipSource(ABC):
    """Clips by number, each the same whenever, wherever and in whatever company it is asked for.

    A source holds no video in memory: clips are read or sampled when asked for.
    """

    classes: tuple[str, ...] | None = None
    """Names of the labels."""

    @abstractmethod
    def __len__(self) -> int:
        """How many clips there are."""

    @abstractmethod
    def read(self, indices: Sequence[int], *, batch_size: int = 1) -> Iterator[Clip]:
        """The clips of these numbers, in this order; at most `batch_size` are held or sampled at once.

        `InputError` names the file that cannot be decoded.
        """

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """What a result says of it, JSON-able: kind, path, counts, sizes, digests; equal for equal clips."""

    def name(self, index: int) -> str:
        """That of a clip, without reading it."""
        return str(index)

    def others(self, num: int) -> ClipSource | None:
        """At most `num` clips of what these were chosen from and that are not among them; None if there are none."""
        return None

    def key(self) -> dict[str, Any]:
        """What is computed of these clips is kept under it on this machine: `describe`, unless that says too little."""
        return self.describe()
