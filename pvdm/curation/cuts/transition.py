"""A transition between two shots, and the network that is asked where the evidence is not clear."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np


@dataclass(frozen=True)
class Transition:
    """A transition between two shots.

    Args:
        first: The first frame that does not belong to the clip before; of a cut, the first frame of the new picture.
        last: The last frame of the transition; of a cut `first` - 1.
        kind: A fade goes through a blank picture of any color, or begins or ends a video with one.
        sure: An unsure one should not end a clip.
    """

    first: int
    last: int
    kind: Literal["cut", "dissolve", "fade"]
    sure: bool


class Arbiter(Protocol):
    """Judges frames that the evidence leaves open."""

    def __call__(self, first: int, last: int) -> np.ndarray:
        """(n,) float32 in [0, 1]: the probability that a transition is at each frame of [first, last]."""
