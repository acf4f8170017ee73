"""The light that comes from the points of bodies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pvdm.data.scenes.rendering.placed import Placed, View, smooth
from pvdm.data.scenes.rendering.solids import Triple, dot
from pvdm.data.scenes.rendering.surfaces import Finish, linear
from pvdm.data.scenes.world import World

AMBIENT, SUNLIGHT = 0.56, 0.78
"""Shares of the light from the sky and from the sun."""

SHINE: dict[Finish, float] = {"matt": 0.05, "glossy": 0.9, "metallic": 0.9}
"""Strength of the sun's reflection."""


class Hits(NamedTuple):
    """Samples of the picture in which a body is met: their numbers in the picture, frames, depths and own points."""

    body: Placed
    samples: np.ndarray
    frames: np.ndarray
    depth: np.ndarray
    point: Triple
    direction: Triple


def shaded(hits: Hits, world: World, view: View, others: Sequence[Placed]) -> list[np.ndarray]:
    """(n,) of each channel: the light that comes from the points, by Lambert, Blinn and a mirrored sky and ground."""
    body, normal = hits.body.body, hits.body.body.solid.normal(hits.point)
    up, sun = (_in_own(hits, direction) for direction in ((0, 1, 0), world.sun))
    direct = np.maximum(dot(normal, sun), 0) * _lit_by_sun(hits, world, others)
    height = hits.body.centres[hits.frames, 1] + dot(hits.point, up)
    open_sky = 0.55 + 0.45 * np.clip(height / (0.8 * body.scale), 0, 1)
    from_above = 0.5 + 0.5 * dot(normal, up)
    ray, flat = _reflected(hits.direction, normal)
    shine = SHINE[body.surface.finish] * _sharpened(np.maximum(dot(ray, sun), 0)) * (direct > 0)
    mirrored = smooth(0.5 + 1.6 * dot(ray, up))
    first, second = body.surface.colors
    share = body.surface.share(hits.point, body.scale, hits.depth / view.focal)
    light, channels = linear(world.place.sun), []
    for i, (ground, zenith) in enumerate(zip(*_around(world), strict=True)):
        color = first[i] if share is None else first[i] + share * (second[i] - first[i])
        sky = (ground + from_above * (zenith - ground)) * open_sky
        lit = color * (AMBIENT * sky + SUNLIGHT * light[i] * direct)
        seen = ground + mirrored * (zenith - ground)
        channels.append(_with_mirror(lit, color, seen, flat, body.surface.finish) + shine * light[i])
    return channels


def _in_own(hits: Hits, direction: Sequence[float]) -> Triple:
    """A direction of the world in the body's own coordinates, at each of the points."""
    own = np.einsum("tij,i->jt", hits.body.rotations, np.array(direction, np.float32))
    return tuple(own[:, hits.frames])


def _around(world: World) -> tuple[np.ndarray, np.ndarray]:
    """Light from below and from above, (3,) each."""
    place = world.place
    return 0.6 * linear(place.ground), 0.55 + 0.45 * linear(place.zenith) / linear(place.zenith).max()


def _reflected(direction: Triple, normal: Triple) -> tuple[Triple, np.ndarray]:
    """The mirrored rays, of unit length, and how flat they meet the surface: 0 from ahead, 1 along it (Schlick)."""
    length = np.sqrt(dot(direction, direction))
    facing = -dot(direction, normal) / length
    ray = tuple(along / length + 2 * facing * across for along, across in zip(direction, normal, strict=True))
    flat = np.clip(1 - facing, 0, 1)
    return ray, flat * flat * flat


def _sharpened(share: np.ndarray) -> np.ndarray:
    """To the power of 24, the width of highlights."""
    for _ in range(3):
        share = share * share
    return share * share * share


def _with_mirror(lit: np.ndarray, color: np.ndarray, seen: np.ndarray, flat: np.ndarray, finish: Finish) -> np.ndarray:
    """Adds what the surface mirrors: metals in their own colour, glossy ones at flat angles."""
    if finish == "matt":
        return lit
    if finish == "metallic":
        return 0.45 * lit + color * (0.25 + 0.75 * flat) * 1.15 * seen
    return lit + (0.04 + 0.4 * flat) * (seen - lit)


def _lit_by_sun(hits: Hits, world: World, others: Sequence[Placed]) -> np.ndarray | float:
    """How much of the sun reaches the points past other bodies, in [0, 1]."""
    lit: np.ndarray | float = 1.0
    sun = np.array(world.sun, np.float32)
    nearby = [other for other in others if _may_shade(other, hits.body, sun)]
    if not nearby:
        return lit
    place = hits.body.centres[hits.frames].T + np.einsum("nij,jn->in", hits.body.rotations[hits.frames], hits.point)
    x, z = (place[axis] - place[1] * sun[axis] / sun[1] for axis in (0, 2))
    for other in nearby:
        behind = np.einsum("in,i->n", place, sun) < (other.centres @ sun)[hits.frames]
        lit = lit * (1 - behind * other.shadow_at(x, z, hits.frames))
    return lit


def _may_shade(other: Placed, body: Placed, sun: np.ndarray) -> bool:
    """Whether a body comes near the line from another to the sun in some frame."""
    between = other.centres - body.centres
    along = between @ sun
    away = np.sqrt(np.maximum(np.square(between).sum(axis=1) - along * along, 0))
    return bool(((along > 0) & (away < 1.5 * (other.body.scale + body.body.scale))).any())
