"""The random choice of a scene: its bodies, their motions, the place and the camera, by (seed, index) alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

import numpy as np

from pvdm.data.scenes.body_motion import Kind, Motion
from pvdm.data.scenes.moving_camera import Camera, CameraKind
from pvdm.data.scenes.rendering.solids import Cone, Cube, Cylinder, Solid, Sphere, Torus
from pvdm.data.scenes.rendering.surfaces import COLORS, PLACES, Finish, Floor, Pattern, Place, Surface

Shape = Literal["sphere", "cube", "cylinder", "cone", "ring"]
Size = Literal["small", "medium", "large"]

MOTIONS: tuple[Kind, ...] = get_args(Kind)
"""The motions of a scene's first body, which are the classes of the data set; scene `index` has that of index % 5."""

SHAPES: dict[Kind, tuple[Shape, ...]] = {
    "bounce": ("sphere", "sphere", "sphere", "cube", "ring"),
    "roll": ("sphere", "sphere", "cylinder", "ring"),
    "slide": ("cube", "cylinder", "cone", "ring"),
    "turn": ("cube", "cube", "cone", "cylinder", "ring"),
    "stand": ("sphere", "cube", "cylinder", "cone", "ring"),
}
"""Shapes that show a motion, the more often the more likely."""

SIZES: dict[Size, tuple[float, float]] = {"small": (0.30, 0.37), "medium": (0.48, 0.56), "large": (0.70, 0.82)}
"""Least and largest size in metres: the radius of a sphere."""

FIELD = 1.7
"""Metres around the middle within which bodies move."""

GAP = 0.12
"""Metres that stay free between the ways of two bodies."""

TRIES = 24


@dataclass(frozen=True)
class Body:
    """A body of a scene: what it is, how it looks and how it moves."""

    shape: Shape
    size: Size
    scale: float
    surface: Surface
    motion: Motion

    @cached_property
    def solid(self) -> Solid:
        """Its form."""
        return solid_of(self.shape, self.scale)

    @property
    def lies(self) -> bool:
        """Whether it rolls on its side, its own vertical axis being horizontal."""
        return self.motion.kind == "roll" and self.shape != "sphere"

    @property
    def rest(self) -> float:
        """Height of the centre where it touches the ground."""
        return self.solid.half[0] if self.lies else self.solid.half[1]

    @property
    def reach(self) -> float:
        """Radius of its footprint, however it turns."""
        x, y, z = self.solid.half
        return max(np.hypot(x, y), z) if self.lies else np.hypot(x, z) if self.shape == "cube" else x

    @cached_property
    def way(self) -> np.ndarray:
        """(n, 2): points along its way on the ground, x and z, the ends included."""
        motion = self.motion
        along = np.linspace(-motion.reach, motion.reach, 25 if motion.reach else 1)[:, None]
        return motion.place + along * [np.cos(motion.heading), np.sin(motion.heading)]

    def positions(self, times: np.ndarray) -> np.ndarray:
        """(t, 3): the centre."""
        return self.motion.positions(times, self.rest)

    def rotations(self, times: np.ndarray) -> np.ndarray:
        """(t, 3, 3) or (1, 3, 3): from its own coordinates to those of the world."""
        return self.motion.rotations(times, self.rest if self.motion.kind == "roll" else None, lies=self.lies)


@dataclass(frozen=True)
class World:
    """All that is in a scene. Seconds count from its beginning; the first body has the motion of its class.

    sun: Unit vector towards it.
    """

    bodies: tuple[Body, ...]
    place: Place
    floor: Floor
    sun: tuple[float, float, float]
    camera: Camera

    @classmethod
    def draw(cls, seed: int, index: int, *, bodies: int | None = None, camera: CameraKind | None = None) -> World:
        """The world of a scene; other values of `bodies` and `camera` give other worlds.

        Args:
            seed, index: Which scene; the first body has the motion of `index % 5`.
            bodies: How many bodies it has, or fewer where they find no room; by default 1 to 4 at random.
            camera: What its camera does; by default at random.
        """
        random = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(index,)))
        viewer = _camera(random, camera)
        found = _bodies(random, MOTIONS[index % len(MOTIONS)], viewer, bodies)
        side = viewer.azimuth + random.choice([-1, 1]) * random.uniform(0.6, 1.9)
        height = random.uniform(0.65, 1.05)
        sun = (np.cos(height) * np.sin(side), np.sin(height), np.cos(height) * np.cos(side))
        place = PLACES[random.integers(len(PLACES))]
        return cls(tuple(found), place, str(random.choice(get_args(Floor))), tuple(map(float, sun)), viewer)

    @property
    def label(self) -> int:
        """Index of its class in `MOTIONS`."""
        return MOTIONS.index(self.bodies[0].motion.kind)


def solid_of(shape: Shape, scale: float) -> Solid:
    """The form of a shape, of equal size to the eye for equal scale."""
    match shape:
        case "sphere":
            return Sphere(scale)
        case "cube":
            return Cube(0.82 * scale)
        case "cylinder":
            return Cylinder(0.74 * scale, 0.86 * scale)
        case "cone":
            return Cone(0.95 * scale, scale)
        case "ring":
            return Torus(0.76 * scale, 0.28 * scale)


def _camera(random: np.random.Generator, given: CameraKind | None) -> Camera:
    drawn: CameraKind = str(random.choice(get_args(CameraKind), p=(0.4, 0.35, 0.25)))
    kind = given or drawn
    return Camera(
        kind,
        azimuth=random.uniform(-np.pi, np.pi),
        elevation=random.uniform(0.16, 0.50),
        distance=random.uniform(5.4, 6.8),
        target=(0.0, random.uniform(0.45, 0.75), 0.0),
        fov=random.uniform(0.62, 0.72),
        speed=float(random.choice([-1, 1]) * random.uniform(0.20, 0.45)) if kind == "orbit" else 0.0,
        reach=random.uniform(0.16, 0.22) if kind == "dolly" else 0.0,
        period=random.uniform(6, 9),
        phase=random.uniform(-np.pi, np.pi),
    )


def _bodies(random: np.random.Generator, kind: Kind, camera: Camera, given: int | None) -> list[Body]:
    """One to four bodies whose ways stay apart."""
    drawn = int(random.choice([1, 2, 3, 4], p=(0.1, 0.3, 0.35, 0.25)))
    count = given or drawn
    colors = random.permutation(list(COLORS))[:count].tolist()
    kinds = [kind, *random.choice(MOTIONS, size=count - 1, p=(0.2, 0.25, 0.15, 0.15, 0.25)).tolist()]
    bodies: list[Body] = []
    for color, its in zip(colors, kinds, strict=True):
        tries = (_body(random, its, color, camera, bodies) for _ in range(TRIES))
        if body := next((body for body in tries if all(_apart(body, other) for other in bodies)), None):
            bodies.append(body)
    return bodies


def _body(random: np.random.Generator, kind: Kind, color: str, camera: Camera, others: Sequence[Body]) -> Body:
    shape: Shape = str(random.choice(SHAPES[kind]))
    size: Size = str(random.choice(list(SIZES), p=(0.35, 0.3, 0.35)))
    scale = random.uniform(*SIZES[size])
    pattern: Pattern = str(random.choice(get_args(Pattern), p=_patterns(kind, shape)))
    finish: Finish = str(random.choice(get_args(Finish), p=(0.45, 0.35, 0.2)))
    motion = _motion(random, kind, camera, others)
    return Body(shape, size, float(scale), Surface(color, pattern, finish), motion)


def _patterns(kind: Kind, shape: Shape) -> tuple[float, ...]:
    """How likely each pattern is: where a body turns, one that shows it."""
    if kind not in ("roll", "turn"):
        return 0.55, 0.17, 0.14, 0.14
    if shape in ("sphere", "cube"):
        return (0, 0.5, 0.25, 0.25) if shape == "sphere" else (0.4, 0.2, 0.2, 0.2)
    return 0, 0, 0.5, 0.5  # rings around the axis of a turned form would hide that it turns


def _motion(random: np.random.Generator, kind: Kind, camera: Camera, others: Sequence[Body]) -> Motion:
    common = {"kind": kind, "facing": float(random.uniform(-np.pi, np.pi))}
    radius, angle = FIELD * np.sqrt(random.uniform()), random.uniform(-np.pi, np.pi)
    place = (float(radius * np.cos(angle)), float(radius * np.sin(angle)))
    if kind == "turn":
        speed = float(random.choice([-1, 1]) * random.uniform(0.7, 1.8))
        return Motion(**common, place=place, spin=speed)
    if kind == "bounce":
        drop, restitution = float(random.uniform(0.7, 1.5)), float(random.uniform(0.86, 0.96))
        dropped = -float(random.uniform(0, 1))
        return Motion(**common, place=place, drop=drop, dropped=dropped, restitution=restitution)
    if kind == "stand":
        return Motion(**common, place=place)
    reach = float(random.uniform(0.6, 1.7))
    middle, heading = _way(random, camera, others)
    period = float(random.uniform(2.2, 3.2)) * (0.6 + 0.4 * reach)
    phase = float(random.uniform(-np.pi, np.pi))
    return Motion(**common, place=middle, heading=heading, reach=reach, period=period, phase=phase)


def _way(random: np.random.Generator, camera: Camera, others: Sequence[Body]) -> tuple[tuple[float, float], float]:
    """Middle and direction of a way: half of them across the view behind another body, if there is one."""
    heading, radius, angle = random.uniform(-np.pi, np.pi), random.uniform(0, 0.9), random.uniform(-np.pi, np.pi)
    middle = (float(radius * np.cos(angle)), float(radius * np.sin(angle)))
    behind, which = random.uniform(1.0, 1.7), random.uniform()
    still = [body for body in others if not body.motion.reach]
    if which < 0.5 or not still:
        return middle, float(heading)
    x, z = still[int(which * 100) % len(still)].motion.place
    away = (-np.sin(camera.azimuth), -np.cos(camera.azimuth))
    middle = (float(0.75 * x + behind * away[0]), float(0.75 * z + behind * away[1]))
    return middle, float(random.uniform(-0.3, 0.3)) - camera.azimuth


def _apart(body: Body, other: Body) -> bool:
    """Whether the ways of two bodies never come closer than the gap."""
    distance = np.sqrt(((body.way[:, None] - other.way[None]) ** 2).sum(-1)).min()
    return distance > body.reach + other.reach + GAP
