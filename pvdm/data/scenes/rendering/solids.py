"""Solids in coordinates of their own: where rays meet them, their normals, and how far they reach.

The vertical axis is y, the origin the centre. Points and directions are triples (x, y, z) of arrays that broadcast;
directions need no unit length, and a depth counts multiples of the direction.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

Triple = tuple[np.ndarray, np.ndarray, np.ndarray]
Interval = tuple[np.ndarray, np.ndarray]

MARCHED = 24
"""Steps along a ray towards a torus; after fewer, rays that graze it have not arrived."""

ARRIVED = 2e-3
"""Distance from a torus, as a share of its size, at which a ray has met it."""


class Solid(ABC):
    """A solid that stands upright on `height` below its centre."""

    @property
    @abstractmethod
    def half(self) -> tuple[float, float, float]:
        """Half the edges of the box around it."""

    @abstractmethod
    def depth(self, origin: Triple, direction: Triple) -> np.ndarray:
        """Depth of the first point of each ray on the solid, inf where there is none; origins are outside."""

    @abstractmethod
    def normal(self, point: Triple) -> Triple:
        """Unit normals at points of the surface."""

    @abstractmethod
    def support(self, direction: Triple) -> np.ndarray:
        """The largest scalar product of a direction with a point of the solid, which tells its outline."""

    def hole(self, direction: Triple) -> np.ndarray | None:
        """As `support`, of the convex hole in its outline; None without one."""
        return None


@dataclass(frozen=True)
class Sphere(Solid):
    """A ball."""

    radius: float

    @property
    def half(self) -> tuple[float, float, float]:
        return self.radius, self.radius, self.radius

    def depth(self, origin: Triple, direction: Triple) -> np.ndarray:
        squared, along = dot(direction, direction), dot(origin, direction)
        rest = along * along - squared * (dot(origin, origin) - self.radius**2)
        return np.where(rest > 0, (-along - np.sqrt(np.maximum(rest, 0))) / squared, np.inf)

    def normal(self, point: Triple) -> Triple:
        return tuple(value / self.radius for value in point)

    def support(self, direction: Triple) -> np.ndarray:
        return self.radius * np.sqrt(dot(direction, direction))


@dataclass(frozen=True)
class Cube(Solid):
    """A cube, by half its edge."""

    edge: float

    @property
    def half(self) -> tuple[float, float, float]:
        return self.edge, self.edge, self.edge

    def depth(self, origin: Triple, direction: Triple) -> np.ndarray:
        slabs = [_slab(start, step, self.edge) for start, step in zip(origin, direction, strict=True)]
        return _first(*slabs)

    def normal(self, point: Triple) -> Triple:
        sizes = [np.abs(value) for value in point]
        largest = np.maximum(np.maximum(sizes[0], sizes[1]), sizes[2])
        return tuple(np.where(size == largest, np.sign(value), 0) for size, value in zip(sizes, point, strict=True))

    def support(self, direction: Triple) -> np.ndarray:
        return self.edge * sum(np.abs(value) for value in direction)


@dataclass(frozen=True)
class Cylinder(Solid):
    """A cylinder around the vertical axis, by half its height."""

    radius: float
    height: float

    @property
    def half(self) -> tuple[float, float, float]:
        return self.radius, self.height, self.radius

    def depth(self, origin: Triple, direction: Triple) -> np.ndarray:
        return _first(_tube(origin, direction, self.radius), _slab(origin[1], direction[1], self.height))

    def normal(self, point: Triple) -> Triple:
        x, y, z = point
        is_cap = np.hypot(x, z) / self.radius < np.abs(y) / self.height
        caps, sides = (0, np.sign(y), 0), (x / self.radius, 0, z / self.radius)
        return tuple(np.where(is_cap, cap, side) for cap, side in zip(caps, sides, strict=True))

    def support(self, direction: Triple) -> np.ndarray:
        x, y, z = direction
        return self.radius * np.hypot(x, z) + self.height * np.abs(y)


@dataclass(frozen=True)
class Cone(Solid):
    """A cone with its tip up, by the radius of its base and half its height."""

    radius: float
    height: float

    @property
    def half(self) -> tuple[float, float, float]:
        return self.radius, self.height, self.radius

    @property
    def slope(self) -> float:
        """Radius by height."""
        return self.radius / (2 * self.height)

    def depth(self, origin: Triple, direction: Triple) -> np.ndarray:
        (x, y, z), (dx, dy, dz) = origin, direction
        below, fall = self.slope * (self.height - y), -self.slope * dy
        squared = dx * dx + dz * dz - fall * fall
        along = x * dx + z * dz - below * fall
        rest = along * along - squared * (x * x + z * z - below * below)
        flat = _first(_roots(squared, along, rest), _slab(y, dy, self.height))
        return np.where(squared > 0, flat, np.inf)  # rays steeper than the cone would see it from right above

    def normal(self, point: Triple) -> Triple:
        x, y, z = point
        radius, length = np.maximum(np.hypot(x, z), 1e-6), np.hypot(1.0, self.slope)
        is_base = y < -self.height * (1 - 1e-4)
        side = (x / radius / length, self.slope / length, z / radius / length)
        return tuple(np.where(is_base, base, value) for base, value in zip((0, -1, 0), side, strict=True))

    def support(self, direction: Triple) -> np.ndarray:
        x, y, z = direction
        return np.maximum(self.height * y, self.radius * np.hypot(x, z) - self.height * y)


@dataclass(frozen=True)
class Torus(Solid):
    """A ring around the vertical axis, by the radius of its middle line and that of its tube."""

    ring: float
    tube: float

    @property
    def half(self) -> tuple[float, float, float]:
        return self.ring + self.tube, self.tube, self.ring + self.tube

    def depth(self, origin: Triple, direction: Triple) -> np.ndarray:
        """Sphere tracing within the box around the ring."""
        near = _first(_tube(origin, direction, self.ring + self.tube), _slab(origin[1], direction[1], self.tube))
        there = np.flatnonzero(np.isfinite(near))
        start = [np.broadcast_to(value, near.shape).ravel()[there] for value in (*origin, *direction)]
        depth = near.ravel()[there]
        place, step = start[:3], start[3:]
        length = np.sqrt(dot(step, step))
        for _ in range(MARCHED):
            distance = self._distance([here + depth * move for here, move in zip(place, step, strict=True)])
            depth = depth + distance / length
        met = np.full(near.shape, np.inf, near.dtype)
        met.ravel()[there] = np.where(distance < ARRIVED * self.ring, depth, np.inf)
        return met

    def normal(self, point: Triple) -> Triple:
        x, y, z = point
        radius = np.maximum(np.hypot(x, z), 1e-6)
        across = radius - self.ring
        length = np.maximum(np.hypot(across, y), 1e-6)
        return x / radius * across / length, y / length, z / radius * across / length

    def support(self, direction: Triple) -> np.ndarray:
        x, _, z = direction
        return self.ring * np.hypot(x, z) + self.tube * np.sqrt(dot(direction, direction))

    def hole(self, direction: Triple) -> np.ndarray:
        """The disc within the middle line, eroded by the ball that runs along it."""
        x, _, z = direction
        return self.ring * np.hypot(x, z) - self.tube * np.sqrt(dot(direction, direction))

    def _distance(self, point: Triple) -> np.ndarray:
        x, y, z = point
        across = np.sqrt(x * x + z * z) - self.ring
        return np.sqrt(across * across + y * y) - self.tube


def dot(a: Triple, b: Triple) -> np.ndarray:
    """The scalar product of vectors."""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def _slab(start: np.ndarray, step: np.ndarray, half: float) -> Interval:
    """Where rays are between two parallel planes."""
    with np.errstate(divide="ignore"):
        inverse = 1 / step
    one, other = (-half - start) * inverse, (half - start) * inverse
    return np.minimum(one, other), np.maximum(one, other)


def _tube(origin: Triple, direction: Triple, radius: float) -> Interval:
    """Where rays are in an endless vertical cylinder."""
    (x, _, z), (dx, _, dz) = origin, direction
    squared, along = dx * dx + dz * dz, x * dx + z * dz
    return _roots(squared, along, along * along - squared * (x * x + z * z - radius * radius))


def _roots(squared: np.ndarray, along: np.ndarray, rest: np.ndarray) -> Interval:
    """Between the roots of squared s^2 + 2 along s + ... = 0; empty where there are none."""
    root = np.sqrt(np.maximum(rest, 0))
    with np.errstate(divide="ignore", invalid="ignore"):
        near, far = (-along - root) / squared, (-along + root) / squared
    return np.where(rest > 0, near, np.inf), far


def _first(*intervals: Interval) -> np.ndarray:
    """The start of what intervals have in common, inf if that is empty or behind."""
    near, far = intervals[0]
    for start, stop in intervals[1:]:
        near, far = np.maximum(near, start), np.minimum(far, stop)
    return np.where((near < far) & (near > 0), near, np.inf)
