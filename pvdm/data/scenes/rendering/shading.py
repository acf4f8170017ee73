"""The light that comes from the points of bodies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pvdm.data.scenes.rendering.placed import Placed, View, smooth
from pvdm.data.scenes.rendering.solids import Triple
from pvdm.data.scenes.rendering.surfaces import linear
from pvdm.data.scenes.world import World

AMBIENT, SUNLIGHT = 0.56, 0.78
"""Shares of the light from the sky and from the sun."""


class Hits(NamedTuple):
    """Samples of the picture in which a body is met: their numbers in the picture, frames, depths and own points."""

    body: Placed
    samples: np.ndarray
    frames: np.ndarray
    depth: np.ndarray
    point: Triple
    direction: Triple


def shaded(hits: Hits, world: World, view: View, others: Sequence[Placed]) -> list[np.ndarray]:
    """(n,) of each channel: the light that comes from the points."""
    placed, frame = hits.body, hits.frames
    surface, rotation = placed.body.surface, placed.rotations
    normal = placed.body.solid.normal(hits.point)
    sun = np.array(world.sun, np.float32)
    towards = np.einsum("tij,i->jt", rotation, sun)[:, frame]
    toward_sun = normal[0] * towards[0] + normal[1] * towards[1] + normal[2] * towards[2]
    lift = rotation[:, 1][frame].T
    upward = normal[0] * lift[0] + normal[1] * lift[1] + normal[2] * lift[2]
    height = placed.centres[frame, 1] + hits.point[0] * lift[0] + hits.point[1] * lift[1] + hits.point[2] * lift[2]
    direct = np.maximum(toward_sun, 0) * _lit_by_sun(hits, world, others)
    open_sky = 0.55 + 0.45 * np.clip(height / (0.8 * placed.body.scale), 0, 1)
    first, second = surface.colors
    share = surface.share(hits.point, placed.body.scale, hits.depth / view.focal)
    gloss, mirror = _reflected(hits, normal, towards, toward_sun, lift, upward, world)
    ground, zenith = _around(world)
    from_above = 0.5 + 0.5 * upward
    shine = {"matt": 0.05, "glossy": 0.9, "metallic": 0.9}[surface.finish] * gloss * (direct > 0)
    light, channels = linear(world.place.sun), []
    for i in range(3):
        color = first[i] if share is None else first[i] + share * (second[i] - first[i])
        sky = (ground[i] + from_above * (zenith[i] - ground[i])) * open_sky
        lit = color * (AMBIENT * sky + SUNLIGHT * light[i] * direct)
        lit = _with_mirror(lit, color, mirror, surface.finish, ground[i], zenith[i])
        channels.append(lit + shine * light[i])
    return channels


def _around(world: World) -> tuple[np.ndarray, np.ndarray]:
    """Light from below and from above."""
    place = world.place
    return 0.6 * linear(place.ground), 0.55 + 0.45 * linear(place.zenith) / linear(place.zenith).max()


def _with_mirror(
    lit: np.ndarray, color: np.ndarray, mirror: tuple[np.ndarray, np.ndarray], finish: str, ground: float, sky: float
) -> np.ndarray:
    """Adds what the surface mirrors: metals in their own colour, glossy ones at flat angles."""
    if finish == "matt":
        return lit
    above, flat = mirror
    seen = ground + above * (sky - ground)
    if finish == "metallic":
        return 0.45 * lit + color * (0.25 + 0.75 * flat) * 1.15 * seen
    return lit + (0.04 + 0.4 * flat) * (seen - lit)


def _reflected(
    hits: Hits,
    normal: Triple,
    towards: np.ndarray,
    toward_sun: np.ndarray,
    lift: np.ndarray,
    upward: np.ndarray,
    world: World,
) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """The sun's reflection, and of the mirrored surroundings: how far above the horizon, and how flat the angle is."""
    d = hits.direction
    length = np.sqrt(d[0] * d[0] + d[1] * d[1] + d[2] * d[2])
    facing = -(normal[0] * d[0] + normal[1] * d[1] + normal[2] * d[2]) / length
    sunward = (d[0] * towards[0] + d[1] * towards[1] + d[2] * towards[2]) / length
    rising = (d[0] * lift[0] + d[1] * lift[1] + d[2] * lift[2]) / length
    aligned = np.maximum(sunward + 2 * facing * toward_sun, 0)
    sharp = aligned * aligned
    sharp = sharp * sharp
    sharp = sharp * sharp
    flat = np.clip(1 - facing, 0, 1)
    above = smooth(0.5 + 1.6 * (rising + 2 * facing * upward))
    return sharp * sharp * sharp, (above, flat * flat * flat)


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
