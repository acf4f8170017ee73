"""Rays meet solids where marching along them by signed distances does."""

import numpy as np
import pytest
from data.scenes.marching import distance, first_hit

from pvdm.data.scenes.rendering.solids import Cone, Cube, Cylinder, Sphere, Torus

SOLIDS = [Sphere(0.7), Cube(0.5), Cylinder(0.5, 0.6), Cone(0.6, 0.7), Torus(0.6, 0.2)]


def rays(count: int = 3000) -> tuple[np.ndarray, np.ndarray]:
    """Origins outside all solids and unit directions towards them; none steeper than cameras look."""
    random = np.random.default_rng(0)
    azimuth, elevation = random.uniform(-np.pi, np.pi, count), random.uniform(-0.6, 0.9, count)
    flat = np.cos(elevation)
    origins = 4 * np.stack([flat * np.sin(azimuth), np.sin(elevation), flat * np.cos(azimuth)], axis=1)
    directions = random.uniform(-0.8, 0.8, (count, 3)) - origins
    return origins, directions / np.linalg.norm(directions, axis=1, keepdims=True)


@pytest.mark.parametrize("solid", SOLIDS, ids=lambda solid: type(solid).__name__)
def test_rays_meet_a_solid_where_marching_does(solid):
    origins, directions = rays()
    number, far = first_hit([solid], [np.zeros(3)], [np.eye(3)], origins, directions)
    single = tuple(origins.T.astype(np.float32)), tuple(directions.T.astype(np.float32))
    depth = solid.depth(*single)
    assert 0.2 < (number > 0).mean() < 0.9
    differ = np.isfinite(depth) != (number > 0)
    assert differ.mean() < 0.004  # rays that graze it
    both = np.isfinite(depth) & (number > 0)
    error = np.abs(depth[both] - far[both])
    assert (error < 4e-3).mean() > 0.99 and np.median(error) < 1e-5


@pytest.mark.parametrize("solid", SOLIDS, ids=lambda solid: type(solid).__name__)
def test_normals_are_the_slopes_of_the_distance(solid):
    origins, directions = rays()
    depth = solid.depth(tuple(origins.T), tuple(directions.T))
    points = (origins + np.where(np.isfinite(depth), depth, 0)[:, None] * directions)[np.isfinite(depth)]
    normals = np.stack(np.broadcast_arrays(*solid.normal(tuple(points.T))), axis=1)
    step = 1e-5 * np.eye(3)
    slopes = np.stack([distance(solid, points + h) - distance(solid, points - h) for h in step], axis=1) / 2e-5
    agree = (normals * slopes).sum(axis=1)
    assert (agree > 0.999).mean() > 0.97  # but at edges, where there are two
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-3)


@pytest.mark.parametrize("solid", SOLIDS, ids=lambda solid: type(solid).__name__)
def test_the_support_is_the_farthest_point_in_a_direction(solid):
    random = np.random.default_rng(1)
    points = random.uniform(-1, 1, (200_000, 3)) * np.array(solid.half)
    inside = points[distance(solid, points) <= 0]
    assert len(inside) > 20_000
    for direction in random.normal(size=(20, 3)):
        farthest = (inside @ direction).max()
        assert farthest <= solid.support(tuple(direction)) + 1e-9
        assert solid.support(tuple(direction)) - farthest < 0.12 * np.linalg.norm(direction)
