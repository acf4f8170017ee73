"""Bodies and cameras at the times of some frames, and the shadows of the bodies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from pvdm.data.scenes.moving_camera import Poses
from pvdm.data.scenes.world import Body, World

TANGENTS = 20
"""Directions in which the outline of a shadow is exact."""


class View(NamedTuple):
    """A camera at the times of some frames, in float32: poses (t, 3), and the rays through pixels."""

    poses: Poses
    focal: float
    height: int
    width: int

    def columns(self, pixels: np.ndarray) -> np.ndarray:
        """How far to the right the rays through these places (in pixels) go."""
        return ((pixels - self.width / 2) / self.focal).astype(np.float32)

    def rows(self, pixels: np.ndarray) -> np.ndarray:
        """How far down the rays through these places (in pixels) go."""
        return ((pixels - self.height / 2) / self.focal).astype(np.float32)


@dataclass(frozen=True)
class Placed:
    """A body at the times of some frames: its centres (t, 3), its rotations (t, 3, 3), and its shadow's outline.

    outline: (t, k, 3), a half-plane each: a point of the ground is in the shadow if x * [0] + z * [1] <= [2] for all.
    """

    body: Body
    centres: np.ndarray
    rotations: np.ndarray
    outline: np.ndarray

    @classmethod
    def of(cls, body: Body, times: np.ndarray, world: World) -> Placed:
        """Places a body of a world."""
        centres = body.positions(times)
        rotations = np.broadcast_to(body.rotations(times), (len(times), 3, 3))
        outline = _outline(body, centres, rotations, np.array(world.sun))
        return cls(body, *(array.astype(np.float32) for array in (centres, rotations, outline)))

    def shadow(self, x: np.ndarray, z: np.ndarray, frames: np.ndarray | None = None) -> np.ndarray:
        """How much of the sun the body takes from points of the ground, in [0, 1].

        x, z: (t, ...), or with the frame of each point (n,).
        """
        outline = self.outline if frames is None else self.outline[frames]
        sides = outline.reshape(len(outline), *(1,) * (x.ndim - 1), *outline.shape[1:])
        distance = x * sides[..., 0, 0] + z * sides[..., 0, 1] - sides[..., 0, 2]
        for k in range(1, TANGENTS):
            np.maximum(distance, x * sides[..., k, 0] + z * sides[..., k, 1] - sides[..., k, 2], out=distance)
        soft = 0.07 + 0.22 * np.maximum(self.centres[:, 1] - self.body.rest, 0)
        soft = soft.reshape(-1, *(1,) * (x.ndim - 1)) if frames is None else soft[frames]
        return smooth(0.5 - distance / (2 * soft))

    def contact(self, x: np.ndarray, z: np.ndarray) -> np.ndarray:
        """How much of the sky the body takes from points of the ground, in [0, 1]."""
        across = [each.reshape(-1, *(1,) * (x.ndim - 1)) for each in self.centres.T]
        away = np.square(x - across[0]) + np.square(z - across[2])
        size = np.float32(self.body.scale)
        lift = np.maximum(across[1] - self.body.rest, 0) / size
        return 0.62 / np.square(1 + lift) / np.square(1 + 0.55 * away / size**2)


def _outline(body: Body, centres: np.ndarray, rotations: np.ndarray, sun: np.ndarray) -> np.ndarray:
    """See `Placed`: tangents to the shadow, from the support of the body in the directions that the sun projects."""
    angles = 2 * np.pi * np.arange(TANGENTS) / TANGENTS
    across = np.stack([np.cos(angles), np.zeros(TANGENTS), np.sin(angles)], axis=1)
    across[:, 1] = -(across @ (sun * [1, 0, 1])) / sun[1]
    own = np.einsum("tij,ki->jtk", rotations, across)
    support = body.solid.support(tuple(own)) + centres @ across.T
    sides = np.broadcast_to(across[:, [0, 2]], (*support.shape, 2))
    return np.concatenate([sides, support[..., None]], axis=-1)


def smooth(share: np.ndarray) -> np.ndarray:
    """From 0 to 1 without a kink."""
    share = np.clip(share, 0, 1)
    return share * share * (3 - 2 * share)
