"""Bodies and cameras at the times of some frames, and the shadows of the bodies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from pvdm.data.scenes.moving_camera import Poses
from pvdm.data.scenes.world import Body, World

TANGENTS = np.stack([wave(np.arange(20) * np.pi / 10) for wave in (np.cos, np.sin)], axis=1)
"""(k, 2) directions on the ground, x and z, in which the outline of a shadow is exact."""


class View(NamedTuple):
    """A camera at the times of some frames, in float32: poses (t, 3), and the rays through pixels."""

    poses: Poses
    focal: float
    height: int
    width: int

    @property
    def frames(self) -> int:
        """How many frames there are."""
        return len(self.poses.eye)

    def columns(self, pixels: np.ndarray) -> np.ndarray:
        """How far to the right the rays through these places (in pixels) go."""
        return ((pixels - self.width / 2) / self.focal).astype(np.float32)

    def rows(self, pixels: np.ndarray) -> np.ndarray:
        """How far down the rays through these places (in pixels) go."""
        return ((pixels - self.height / 2) / self.focal).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Placed:
    """A body at the times of some frames, and its shadow on the ground: all (t, ...) float32.

    Args:
        body: The body.
        centres, rotations: (t, 3) and (t, 3, 3).
        middle: (t, 2): x and z where the sun throws the centre.
        extent: (t, k): how far from there the shadow reaches in each of the directions `TANGENTS`.
        hole: As `extent`, of the hole in the shadow; None without one.
        soft: (t,): half the width in metres of the shadow's edge, which grows with the height of the body.
    """

    body: Body
    centres: np.ndarray
    rotations: np.ndarray
    middle: np.ndarray
    extent: np.ndarray
    hole: np.ndarray | None
    soft: np.ndarray

    @classmethod
    def of(cls, body: Body, times: np.ndarray, world: World) -> Placed:
        """Places a body of a world."""
        centres, sun = body.positions(times), np.array(world.sun)
        rotations = np.broadcast_to(body.rotations(times), (len(times), 3, 3))
        middle = centres[:, [0, 2]] - centres[:, 1:2] * sun[[0, 2]] / sun[1]
        across = np.insert(TANGENTS, 1, -(TANGENTS @ sun[[0, 2]]) / sun[1], axis=1)
        own = tuple(np.einsum("tij,ki->jtk", rotations, across))
        extent, hole = body.solid.support(own), body.solid.hole(own)
        soft = 0.07 + 0.22 * np.maximum(centres[:, 1] - body.rest, 0)
        parts = (centres, rotations, middle, extent, hole, soft)
        return cls(body, *(None if part is None else part.astype(np.float32) for part in parts))

    def shadow(self, x: np.ndarray, z: np.ndarray) -> np.ndarray:
        """How much of the sun the body takes from points of the ground, in [0, 1]; x, z: (t, ...)."""
        middle = self.middle.T.reshape(2, -1, *(1,) * (x.ndim - 1))
        radius = (self.extent.max(axis=1) + self.soft).reshape(middle.shape[1:])
        near = np.flatnonzero(np.square(x - middle[0]) + np.square(z - middle[1]) < np.square(radius))
        shadow = np.zeros_like(x)
        shadow.ravel()[near] = self.shadow_at(x.ravel()[near], z.ravel()[near], near // x[0].size)
        return shadow

    def shadow_at(self, x: np.ndarray, z: np.ndarray, frames: np.ndarray) -> np.ndarray:
        """As `shadow`; x, z: (n,), and the frame of each point."""
        x, z = x - self.middle[frames, 0], z - self.middle[frames, 1]
        distance = _outside(self.extent, x, z, frames)
        if self.hole is not None:
            distance = np.maximum(distance, -_outside(self.hole, x, z, frames))
        return smooth(0.5 - distance / (2 * self.soft[frames]))

    def contact(self, x: np.ndarray, z: np.ndarray) -> np.ndarray:
        """How much of the sky the body takes from points of the ground, in [0, 1]."""
        across = [each.reshape(-1, *(1,) * (x.ndim - 1)) for each in self.centres.T]
        away = np.square(x - across[0]) + np.square(z - across[2])
        size = np.float32(self.body.scale)
        lift = np.maximum(across[1] - self.body.rest, 0) / size
        return 0.62 / np.square(1 + lift) / np.square(1 + 0.55 * away / size**2)


def _outside(extent: np.ndarray, x: np.ndarray, z: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """(n,): how far points are outside the half-planes (t, k) of their frames; negative inside."""
    distance = np.full_like(x, -np.inf)
    for (along_x, along_z), edge in zip(TANGENTS.astype(np.float32), extent.T, strict=True):
        np.maximum(distance, along_x * x + along_z * z - edge[frames], out=distance)
    return distance


def smooth(share: np.ndarray) -> np.ndarray:
    """From 0 to 1 without a kink."""
    share = np.clip(share, 0, 1)
    return share * share * (3 - 2 * share)
