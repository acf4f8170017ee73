"""Which frames of a clip are given in training: the mixture from which a model learns every use of them."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import numpy as np

from pvdm.errors import ArgumentError, check_range

MOST_RANDOM = 4
"""At most how many frames `random` gives."""

ENDS = {"first": (0,), "last": (-1,), "ends": (0, -1)}
"""The frames that these kinds give, which are the same in all clips."""

BLURRED = "blurred"

CACHED = (*ENDS, "random", "every", "gap", BLURRED)
"""The kinds whose hints can be cached beside latents: where frames or blur differ, one draw for each clip."""

MEASURED = "ends"
"""The kind that validation gives."""

STEPS = (2, 4, 8)
"""Distances of the frames that `every` gives; those as long as the clip are left out."""


def given_ends(kind: str, frames: int) -> np.ndarray:
    """Which frames of a clip `first`, `last` or `ends` gives: (frames,) bool."""
    known = np.zeros(frames, dtype=bool)
    known[list(ENDS[kind])] = True
    return known


def drawn_frames(kind: str, generator: np.random.Generator, frames: int) -> np.ndarray:
    """Which frames of a clip a kind gives, drawn where they differ: (frames,) bool; none for "none"."""
    known = np.zeros(frames, dtype=bool)
    if kind == "random":
        count = generator.integers(1, min(MOST_RANDOM, frames) + 1)
        known[generator.choice(frames, size=count, replace=False)] = True
    elif kind == "every":
        step = generator.choice([step for step in STEPS if step < frames] or [1])
        known[generator.integers(step) :: step] = True
    elif kind == "gap":
        length = generator.integers(1, max(1, frames // 2) + 1)
        start = generator.integers(frames - length + 1)
        known[:start], known[start + length :] = True, True
    elif kind == BLURRED:
        known[:] = True
    return given_ends(kind, frames) if kind in ENDS else known


def cached_frames(kind: str, frames: int, row: int) -> np.ndarray:
    """Which frames the cached hint of a kind gives, of the clip with this number: (frames,) bool; none for "none"."""
    number = CACHED.index(kind) if kind in CACHED else len(CACHED)
    return drawn_frames(kind, np.random.default_rng((row, number)), frames)


def drawn_factor(generator: np.random.Generator, factors: tuple[float, float]) -> float:
    """By how much a clip is blurred, between two factors, uniform in the logarithm."""
    least, most = map(math.log, factors)
    return math.exp(generator.uniform(least, most))


def cached_factor(factors: tuple[float, float], row: int) -> float:
    """By how much the clip with this number is blurred in its cached hint, between two factors."""
    return drawn_factor(np.random.default_rng((row, CACHED.index(BLURRED))), factors)


def cached_kinds(given: GivenFrames) -> list[str]:
    """The kinds whose hints must be cached for training from latents, and validation."""
    return [kind for kind in CACHED if given.shares[kind] or kind == MEASURED]


@dataclass(frozen=True)
class GivenFrames:
    """Shares of the samples in which frames of the clip are given; the rest has none.

    Args:
        first: The first frame: image to video.
        last: The last frame.
        ends: Both: what lies between them.
        random: One to four frames anywhere: keyframes.
        every: Each second, fourth or eighth frame: more frames per second.
        gap: All but a gap of up to half the clip: repair.
        blurred: All, but blurred: upscaling. In clips of more than four frames no other kind gives all of them.
        blur_factors: Least and greatest factor by which blurred clips are scaled down and up again.
    """

    first: float = 0.15
    last: float = 0.05
    ends: float = 0.1
    random: float = 0.1
    every: float = 0.1
    gap: float = 0.1
    blurred: float = 0.0
    blur_factors: tuple[float, float] = (2.0, 8.0)

    def __post_init__(self) -> None:
        check_range(0, 1, **self.shares)
        if (total := sum(self.shares.values())) > 1 + 1e-9:
            raise ArgumentError(f"the shares of given frames are {total:g} in all", "they must not exceed 1")
        least, most = self.blur_factors
        if not 1 < least <= most < math.inf:
            raise ArgumentError(f"blur_factors is {least:g} to {most:g}", "give two factors above 1, the smaller first")

    @property
    def shares(self) -> dict[str, float]:
        """The share of each kind."""
        return {name: value for name, value in asdict(self).items() if name != "blur_factors"}

    def draw(self, generator: np.random.Generator, frames: int) -> np.ndarray:
        """Which of the frames of a clip are given: (frames,) bool."""
        return drawn_frames(self.draw_kind(generator), generator, frames)

    def draw_kind(self, generator: np.random.Generator) -> str:
        """One of the names of the shares, or "none"."""
        shares = self.shares
        names, chances = [*shares, "none"], [*shares.values(), max(0.0, 1 - sum(shares.values()))]
        return str(generator.choice(names, p=np.array(chances) / sum(chances)))

    def draw_factor(self, generator: np.random.Generator, known: np.ndarray) -> float:
        """By how much a clip of which the frames `known` (frames,) are given is blurred: 1 unless all are."""
        return drawn_factor(generator, self.blur_factors) if self.blurred and known.all() else 1.0
