"""Where labels of a chart are put so that they do not cover each other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

LINE = 14
"""Height of a label in pixels."""
STROKE = 5
"""Width in pixels that a drawn line keeps free of labels."""


@dataclass(frozen=True)
class Box:
    """A rectangle by its centre."""

    x: float
    y: float
    width: float
    height: float = LINE

    def overlap(self, other: Box) -> float:
        """The area that both cover."""
        wide = (self.width + other.width) / 2 - abs(self.x - other.x)
        high = (self.height + other.height) / 2 - abs(self.y - other.y)
        return max(wide, 0.0) * max(high, 0.0)


class Room:
    """What of a chart is covered; new labels go where they cover least of it, within (left, right)."""

    def __init__(self, left: float, right: float) -> None:
        self.left, self.right = left, right
        self.taken: list[Box] = []

    def cover(self, box: Box) -> None:
        """This is drawn already."""
        self.taken.append(box)

    def cover_line(self, places: Sequence[tuple[float, float]]) -> None:
        """A line through these places is drawn already, and its dots."""
        for (x, y), (next_x, next_y) in pairwise(places):
            count = max(int(math.hypot(next_x - x, next_y - y) / STROKE), 1)
            for step in range(count):
                share = step / count
                self.cover(Box(x + share * (next_x - x), y + share * (next_y - y), STROKE, STROKE))
        for x, y in places:
            self.cover(Box(x, y, 9, 9))

    def place(self, x: float, y: float, width: float) -> Box:
        """The box of a label of this width for the point (x, y): above, below or beside it."""
        beside = width / 2 + 10
        shifts = [(0, -13), (0, 14), (beside, 0), (-beside, 0), (beside, -10), (beside, 10), (-beside, -10)]
        shifts += [(-beside, 10), (0, -27), (0, 28)]
        boxes = [Box(x + right, y + down, width) for right, down in shifts]
        best = min(boxes, key=self._covered)
        self.cover(best)
        return best

    def _covered(self, box: Box) -> float:
        outside = max(self.left - (box.x - box.width / 2), box.x + box.width / 2 - self.right, 0.0)
        return outside * box.height + sum(box.overlap(other) for other in self.taken)


def spread_out(places: Sequence[float], *, gap: float, low: float, high: float) -> list[float]:
    """The places moved so that neighbours are at least `gap` apart, in the same order, and within [low, high]."""
    order = sorted(range(len(places)), key=lambda index: places[index])
    moved = list(places)
    floor = low
    for index in order:
        moved[index] = max(moved[index], floor)
        floor = moved[index] + gap
    ceiling = high
    for index in reversed(order):
        moved[index] = min(moved[index], ceiling)
        ceiling = moved[index] - gap
    return moved
