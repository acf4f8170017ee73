"""The latent of a clip: three planes, one content (h, w) and two motion (t, w), (t, h); paper section 3.1."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils._pytree import register_dataclass

PLANES = ("hw", "tw", "th")
"""The planes by the axes they keep, in the order of the flat latent."""


class TriplaneShape(NamedTuple):
    """Sizes of the latent cube whose faces the planes are, in positions, and how many content planes there are.

    A motion plane has c channels, and the content plane `contents * c`: a flat latent holds it as `contents` planes of
    c channels one after another.
    """

    t: int
    h: int
    w: int
    contents: int = 1

    @property
    def cube(self) -> tuple[int, int, int]:
        """(t, h, w)."""
        return self.t, self.h, self.w

    @property
    def planes(self) -> tuple[tuple[int, int], ...]:
        """(rows, columns) of each plane, in the order of `PLANES`."""
        return (self.h, self.w), (self.t, self.w), (self.t, self.h)

    @property
    def lengths(self) -> tuple[int, ...]:
        """Number of positions of each plane in the flat latent."""
        return self.contents * self.h * self.w, self.t * self.w, self.t * self.h

    @property
    def positions(self) -> int:
        """Number of positions of all planes: the last axis of the flat latent."""
        return sum(self.lengths)

    def describe(self, channels: int) -> str:
        """The sizes of the planes, and their channels, in words; channels: those of a motion plane."""
        sizes = zip(PLANES, self.planes, strict=True)
        planes = ", ".join(f"{name} {rows}x{columns}" for name, (rows, columns) in sizes)
        content = f" of motion, {self.contents * channels} of content" if self.contents > 1 else ""
        return f"{planes}; {channels} channels{content}"


@dataclass(frozen=True)
class Triplane:
    """Three planes of features; hw: (b, contents * c, h, w), tw: (b, c, t, w), th: (b, c, t, h)."""

    hw: Tensor
    tw: Tensor
    th: Tensor

    def __iter__(self) -> Iterator[Tensor]:
        return iter((self.hw, self.tw, self.th))

    def __len__(self) -> int:
        return len(PLANES)  # torch.compile needs the length of an iterable

    @property
    def shape(self) -> TriplaneShape:
        """The cube's sizes, and the number of content planes."""
        contents = self.hw.shape[1] // self.tw.shape[1]
        return TriplaneShape(self.tw.shape[2], self.hw.shape[2], self.hw.shape[3], contents)

    def map(self, function: Callable[[Tensor], Tensor]) -> Triplane:
        """Applies the function to each plane."""
        return Triplane(*(function(plane) for plane in self))

    def flatten(self) -> Tensor:
        """All positions in one axis, (b, c, l), planes in the order hw, tw, th, as in the released weights.

        Channel i * contents + j of the content plane becomes channel i of the j-th of `contents` planes.
        """
        channels = self.tw.shape[1]
        return torch.cat([plane.unflatten(1, (channels, -1)).flatten(2) for plane in self], dim=2)

    @classmethod
    def split(cls, flat: Tensor, shape: TriplaneShape) -> Triplane:
        """Inverse of `flatten`; flat: (b, c, l) with l = `shape.positions`, else ValueError."""
        if flat.shape[2] != shape.positions:
            raise ValueError(f"a flat latent of {flat.shape[2]} positions does not hold {shape} ({shape.positions})")
        planes = zip(flat.split(shape.lengths, dim=2), shape.planes, strict=True)
        return cls(*(plane.unflatten(2, (-1, *size)).flatten(1, 2) for plane, size in planes))


register_dataclass(Triplane)  # so that sharding and recomputation find the tensors in it
