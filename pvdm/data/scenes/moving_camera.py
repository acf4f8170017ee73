"""The camera of a scene: where it is at any time, and how it projects."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np

CameraKind = Literal["still", "orbit", "dolly"]


class Poses(NamedTuple):
    """Position and axes at some times, (t, 3) each: the axes point to the right, down and forwards in the picture."""

    eye: np.ndarray
    right: np.ndarray
    down: np.ndarray
    forward: np.ndarray

    @property
    def extrinsics(self) -> np.ndarray:
        """(t, 4, 4) float64 from the world to the camera, as OpenCV has it: x right, y down, z forwards."""
        matrix = np.zeros((len(self.eye), 4, 4))
        matrix[:, :3, :3] = np.stack([self.right, self.down, self.forward], axis=1)
        matrix[:, :3, 3] = -np.einsum("tij,tj->ti", matrix[:, :3, :3], self.eye)
        matrix[:, 3, 3] = 1
        return matrix


@dataclass(frozen=True)
class Camera:
    """A camera that looks at a point. Lengths are in metres, times in seconds, angles in radians.

    Args:
        kind: What it does.
        azimuth: Where it stands about the vertical axis at time 0; it looks along -z at 0.
        elevation: How far above the horizon it stands, seen from the point.
        distance: From the point.
        target: (x, y, z) of the point.
        fov: Angle that the smaller side of the picture covers.
        speed: Of an orbit, in radians per second; positive to the right.
        reach: Share of the distance by which a dolly comes nearer and goes away, there and back.
        period: Time there and back.
        phase: Of that, at time 0.
    """

    kind: CameraKind
    azimuth: float
    elevation: float
    distance: float
    target: tuple[float, float, float]
    fov: float
    speed: float = 0.0
    reach: float = 0.0
    period: float = 8.0
    phase: float = 0.0

    def poses(self, times: np.ndarray) -> Poses:
        """Its poses at some times, float64."""
        azimuth = self.azimuth + self.speed * times
        distance = self.distance * (1 + self.reach * np.sin(2 * np.pi * times / self.period + self.phase))
        flat, zero = np.cos(self.elevation), np.zeros_like(times)
        up = zero + np.sin(self.elevation)
        backward = np.stack([flat * np.sin(azimuth), up, flat * np.cos(azimuth)], axis=-1)
        right = np.stack([np.cos(azimuth), zero, -np.sin(azimuth)], axis=-1)
        return Poses(np.array(self.target) + distance[:, None] * backward, right, np.cross(right, backward), -backward)

    def intrinsics(self, height: int, width: int) -> np.ndarray:
        """(3, 3) float64 in pixels, where the first pixel covers 0 to 1."""
        focal = min(height, width) / 2 / np.tan(self.fov / 2)
        return np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1.0]])

    def beside(self, angle: float) -> Camera:
        """The same camera, this far around the point."""
        return replace(self, azimuth=self.azimuth + angle)
