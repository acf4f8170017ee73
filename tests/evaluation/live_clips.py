"""A source of small clips that counts how many are in memory, and a detector without weights."""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from pvdm.evaluation.clips.source import Clip, ClipSource


class LiveClips(ClipSource):
    """Clip i is noise with seed i; `most` counts the clips that were in memory at once.

    says: How many clips it claims to have. changed: other shapes (t, h, w) by number.
    """

    def __init__(self, count: int, *, says: int | None = None, changed: dict[int, tuple[int, ...]] | None = None):
        self.count, self.says, self.changed = count, says or count, changed or {}
        self.living, self.most, self.read_numbers = weakref.WeakSet(), 0, []

    def __len__(self) -> int:
        return self.says

    def read(self, indices: Sequence[int], *, batch_size: int = 1) -> Iterator[Clip]:
        for index in indices:
            if index >= self.count:
                return
            yield self._clip(index)

    def describe(self) -> dict:
        return {"kind": "noise", "count": self.count}

    def _clip(self, index: int) -> Clip:
        video = noise(index, self.changed.get(index, (4, 6, 8)))
        self.living.add(video)
        self.most = max(self.most, len(self.living))
        self.read_numbers.append(index)
        return Clip(index, video, f"clip-{index}")


class Projection:
    """Features are a fixed matrix times all pixels of a clip, by a product whose rounding depends on the batch."""

    def __call__(self, video: Tensor) -> Tensor:
        pixels = video.flatten(1).float()
        weights = torch.randn(pixels.shape[1], 5, generator=torch.Generator().manual_seed(0))
        return pixels @ weights


def noise(index: int, shape: tuple[int, ...] = (4, 6, 8)) -> Tensor:
    generator = torch.Generator().manual_seed(index)
    return torch.randint(256, (3, *shape), dtype=torch.uint8, generator=generator)
