"""How the bodies of a scene move: where each is at any time, by the laws of a ball, a wheel and a turntable."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

Kind = Literal["bounce", "roll", "slide", "turn", "stand"]
GRAVITY = 9.81
LAST_BOUNCE = 0.25
"""Speed at an impact, below which a body comes to rest."""


@dataclass(frozen=True)
class Motion:
    """The motion of a body. Lengths are in metres, times in seconds, angles in radians.

    Args:
        kind: What it does.
        place: (x, z) of the middle of its way on the ground.
        heading: Direction of its way, from x towards z.
        reach: How far it rolls or slides from the middle of its way: there and back like a pendulum.
        period: Time there and back.
        phase: Of that, at time 0.
        facing: Its angle about the vertical axis at time 0.
        spin: How fast that changes.
        drop: Height that it falls from.
        dropped: When it begins to fall, at most 0.
        restitution: Speed after an impact by that before, in (0, 1).
    """

    kind: Kind
    place: tuple[float, float]
    heading: float = 0.0
    reach: float = 0.0
    period: float = 4.0
    phase: float = 0.0
    facing: float = 0.0
    spin: float = 0.0
    drop: float = 0.0
    dropped: float = 0.0
    restitution: float = 0.9

    @cached_property
    def impacts(self) -> tuple[np.ndarray, np.ndarray]:
        """Times of all impacts on the ground, and the speeds just before; none unless it bounces."""
        if self.kind != "bounce":
            return np.zeros(0), np.zeros(0)
        first = np.sqrt(2 * GRAVITY * self.drop)
        count = 1 + max(0, int(np.log(LAST_BOUNCE / first) / np.log(self.restitution)))
        speeds = first * self.restitution ** np.arange(count)
        flights = 2 * speeds[1:] / GRAVITY
        return self.dropped + first / GRAVITY + np.concatenate([[0.0], np.cumsum(flights)]), speeds

    def travelled(self, times: np.ndarray) -> np.ndarray:
        """Distance from the middle of its way, positive along `heading`."""
        return self.reach * np.sin(2 * np.pi * times / self.period + self.phase)

    def lift(self, times: np.ndarray) -> np.ndarray:
        """Height above its rest."""
        moments, speeds = self.impacts
        if not len(moments):
            return np.zeros_like(times)
        last = np.searchsorted(moments, times, side="right") - 1
        falling = self.drop - GRAVITY / 2 * np.maximum(times - self.dropped, 0) ** 2
        upwards = np.append(speeds[1:], 0.0)[last]
        since = times - moments[last]
        flying = np.where(upwards > 0, upwards * since - GRAVITY / 2 * since**2, 0.0)
        return np.where(last < 0, falling, np.maximum(flying, 0.0))

    def positions(self, times: np.ndarray, rest: float) -> np.ndarray:
        """(t, 3): x, y, z of the centre, which is `rest` above the ground where the body touches it."""
        way = self.travelled(times)
        x, z = self.place[0] + way * np.cos(self.heading), self.place[1] + way * np.sin(self.heading)
        return np.stack([x, rest + self.lift(times), z], axis=-1)

    def rotations(self, times: np.ndarray, rolling: float | None, *, lies: bool) -> np.ndarray:
        """(t, 3, 3): from the body's own coordinates to those of the world.

        rolling: The radius that it rolls on. lies: Its vertical axis lies across its way, as that of a wheel does.
        """
        if self.kind != "roll" or rolling is None:
            return about_y(self.facing + self.spin * times)
        angle = self.travelled(times) / rolling + self.facing
        # Own axes, turned about the axis of the roll, which then points across the way.
        turned = about_x(angle) @ (LYING if lies else about_y(np.full(1, 0.6)))
        return about_y(np.full(1, np.pi / 2 - self.heading)) @ turned

    @property
    def is_moving(self) -> bool:
        """Whether it changes its place."""
        return self.kind in ("bounce", "roll", "slide")


def about_y(angle: np.ndarray) -> np.ndarray:
    """(t, 3, 3): rotations that turn z towards x."""
    cosine, sine, zero = np.cos(angle), np.sin(angle), np.zeros_like(angle)
    rows = [[cosine, zero, sine], [zero, zero + 1, zero], [-sine, zero, cosine]]
    return np.stack([np.stack(row, -1) for row in rows], -2)


def about_x(angle: np.ndarray) -> np.ndarray:
    """(t, 3, 3): rotations that turn y towards z."""
    cosine, sine, zero = np.cos(angle), np.sin(angle), np.zeros_like(angle)
    rows = [[zero + 1, zero, zero], [zero, cosine, -sine], [zero, sine, cosine]]
    return np.stack([np.stack(row, -1) for row in rows], -2)


LYING = np.array([[[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]])
"""Puts the vertical axis of a body along x."""
