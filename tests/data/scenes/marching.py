"""Scenes by signed distances and ray marching in float64, one ray at a time in effect: slow and independent."""

from __future__ import annotations

import numpy as np

from pvdm.data.scenes.rendering.solids import Cone, Cube, Cylinder, Solid, Sphere, Torus

STEPS, ARRIVED, FAR = 400, 1e-5, 40.0


def distance(solid: Solid, points: np.ndarray) -> np.ndarray:
    """Signed distance of points (n, 3) from a solid (Quilez, Distance functions)."""
    across, up = np.hypot(points[:, 0], points[:, 2]), points[:, 1]
    match solid:
        case Sphere(radius):
            return np.linalg.norm(points, axis=1) - radius
        case Cube(edge):
            beyond = np.abs(points) - edge
            return np.linalg.norm(np.maximum(beyond, 0), axis=1) + np.minimum(beyond.max(axis=1), 0)
        case Cylinder(radius, height):
            beyond = np.stack([across - radius, np.abs(up) - height], axis=1)
            return np.linalg.norm(np.maximum(beyond, 0), axis=1) + np.minimum(beyond.max(axis=1), 0)
        case Cone(radius, height):
            flat, tip = np.stack([across, up], axis=1), np.array([0, height])
            corner = np.array([radius, -height])
            return _to_triangle(flat, tip, corner)
        case Torus(ring, tube):
            return np.hypot(across - ring, up) - tube
    raise TypeError(solid)


def _to_triangle(points: np.ndarray, tip: np.ndarray, corner: np.ndarray) -> np.ndarray:
    """Signed distance to the triangle of the axis, a slope and a base, in the half-plane of positive x."""
    slope, base = _to_segment(points, tip, corner), _to_segment(points, np.array([0, corner[1]]), corner)
    outward = np.array([tip[1] - corner[1], corner[0]])
    inside = ((points - corner) @ outward < 0) & (points[:, 1] > corner[1])
    return np.where(inside, -1, 1) * np.minimum(slope, base)


def _to_segment(points: np.ndarray, start: np.ndarray, stop: np.ndarray) -> np.ndarray:
    way = stop - start
    share = np.clip((points - start) @ way / (way @ way), 0, 1)
    return np.linalg.norm(points - start - share[:, None] * way, axis=1)


def first_hit(solids, centres, rotations, origins: np.ndarray, directions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(number from 1 of the first solid on each ray, 0 if none; how far), rays (n, 3) of unit length.

    rotations: from each solid's own coordinates to those of the world.
    """
    far, number, nearest = np.zeros(len(origins)), np.zeros(len(origins), int), np.full(len(origins), np.inf)
    for _ in range(STEPS):
        points = origins + far[:, None] * directions
        placed = zip(solids, centres, rotations, strict=True)
        each = np.stack([distance(solid, (points - centre) @ turn) for solid, centre, turn in placed])
        nearest, number = each.min(axis=0), each.argmin(axis=0) + 1
        far = np.minimum(far + nearest, FAR)
    return np.where(nearest < ARRIVED * 20, number, 0), far
