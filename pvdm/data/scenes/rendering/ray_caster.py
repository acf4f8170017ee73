"""Renders a world by casting rays: each body in its box of the picture, all frames at once.

Rays are not of unit length but one unit long along the camera's axis, so their depths are comparable. The picture is
sampled once a pixel for the sky and the ground, whose edges are soft, and four times for bodies.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from pvdm.data.scenes.moving_camera import Camera, Poses
from pvdm.data.scenes.rendering.background import background
from pvdm.data.scenes.rendering.placed import Placed, View
from pvdm.data.scenes.rendering.shading import Hits, shaded
from pvdm.data.scenes.world import World

SAMPLES = 2
"""Rays of a pixel along each side, where there are bodies."""

RAYS = 1 << 17
"""Pixels that are rendered at once, which bounds the memory."""


def render(world: World, camera: Camera, times: np.ndarray, height: int, width: int) -> np.ndarray:
    """(t, height, width, 3) uint8: what a camera sees at some times (in seconds)."""
    return np.concatenate([_picture(world, *part) for part in _parts(world, camera, times, height, width)])


def segment(world: World, camera: Camera, times: np.ndarray, height: int, width: int) -> np.ndarray:
    """(t, height, width) uint8: which body is in most of the half or more of a pixel that bodies cover.

    Numbers count from 1 in the order of the world; 0 is sky and ground.
    """
    return np.concatenate([_segments(*part) for part in _parts(world, camera, times, height, width)])


def _parts(
    world: World, camera: Camera, times: np.ndarray, height: int, width: int
) -> Iterator[tuple[View, list[Placed]]]:
    """The view and the bodies of some frames at a time."""
    step = max(1, RAYS // (height * width))
    focal = float(camera.intrinsics(height, width)[0, 0])
    for first in range(0, len(times), step):
        some = times[first : first + step]
        poses = Poses(*(axis.astype(np.float32) for axis in camera.poses(some)))
        yield View(poses, focal, height, width), [Placed.of(body, some, world) for body in world.bodies]


def _picture(world: World, view: View, bodies: list[Placed]) -> np.ndarray:
    picture = background(world, view, bodies)
    _add_bodies(picture, world, view, bodies)
    return (255 * np.sqrt(np.clip(picture, 0, 1)) + np.float32(0.5)).astype(np.uint8).transpose(1, 2, 3, 0)


def _segments(view: View, bodies: list[Placed]) -> np.ndarray:
    shape = (view.frames, view.height, view.width)
    counts = np.zeros((len(bodies) + 1, math.prod(shape)), np.int64)
    for hits in _visible(view, bodies):
        counts[1 + bodies.index(hits.body)] = np.bincount(_pixels(hits.samples, view.width), minlength=counts.shape[1])
    covered = counts.sum(axis=0) >= SAMPLES**2 / 2
    return np.where(covered, counts.argmax(axis=0), 0).astype(np.uint8).reshape(shape)


def _add_bodies(picture: np.ndarray, world: World, view: View, bodies: list[Placed]) -> None:
    """Draws the bodies over (3, t, h, w)."""
    flat = picture.reshape(3, -1)
    covered, colors = np.zeros(flat.shape[1]), np.zeros(flat.shape)
    for hits in _visible(view, bodies):
        pixels = _pixels(hits.samples, view.width)
        covered += np.bincount(pixels, minlength=len(covered))
        others = [body for body in bodies if body is not hits.body]
        for channel, values in enumerate(shaded(hits, world, view, others)):
            colors[channel] += np.bincount(pixels, values, minlength=len(covered))
    where = np.flatnonzero(covered)
    part = (covered[where] / SAMPLES**2).astype(np.float32)
    flat[:, where] = flat[:, where] * (1 - part) + (colors[:, where] / SAMPLES**2).astype(np.float32)


def _visible(view: View, bodies: list[Placed]) -> list[Hits]:
    """What is seen of each body, without what others hide."""
    nearest = np.full(view.frames * view.height * view.width * SAMPLES**2, np.inf, np.float32)
    found = [hits for hits in (_hits(view, body) for body in bodies) if hits is not None]
    for hits in found:
        nearest[hits.samples] = np.minimum(nearest[hits.samples], hits.depth)
    return [_only(hits, np.flatnonzero(hits.depth == nearest[hits.samples])) for hits in found]


def _only(hits: Hits, chosen: np.ndarray) -> Hits:
    """Some of the hits."""
    point, direction = (tuple(value[chosen] for value in triple) for triple in (hits.point, hits.direction))
    return Hits(hits.body, hits.samples[chosen], hits.frames[chosen], hits.depth[chosen], point, direction)


def _pixels(samples: np.ndarray, width: int) -> np.ndarray:
    """The pixels, counted over all frames, that samples belong to."""
    row, column = np.divmod(samples, SAMPLES * width)
    return row // SAMPLES * width + column // SAMPLES


def _hits(view: View, placed: Placed) -> Hits | None:
    """Where a body is met, whether others hide it there or not; None if nowhere."""
    left, top, across, along = _box(view, placed)
    if across <= 0 or along <= 0:
        return None
    x = left[:, None] * SAMPLES + np.arange(across * SAMPLES)
    y = top[:, None] * SAMPLES + np.arange(along * SAMPLES)
    columns, rows = view.columns((x + 0.5) / SAMPLES)[:, None, :], view.rows((y + 0.5) / SAMPLES)[:, :, None]
    origin = np.einsum("tij,ti->jt", placed.rotations, view.poses.eye - placed.centres)[..., None, None]
    right, down, forward = (np.einsum("tij,ti->jt", placed.rotations, axis)[..., None, None] for axis in view.poses[1:])
    direction = tuple(forward[i] + right[i] * columns + down[i] * rows for i in range(3))
    depth = placed.body.solid.depth(tuple(origin), direction)
    there = np.flatnonzero(np.isfinite(depth))
    if not len(there):
        return None
    frame, place = np.divmod(there, depth[0].size)
    row, column = np.divmod(place, depth.shape[2])
    row, column = y[frame, row], x[frame, column]
    samples = (frame * view.height * SAMPLES + row) * view.width * SAMPLES + column
    depth, direction = depth.ravel()[there], tuple(value.ravel()[there] for value in direction)
    point = tuple(origin[i, frame, 0, 0] + depth * direction[i] for i in range(3))
    return Hits(placed, samples, frame, depth, point, direction)


def _box(view: View, placed: Placed) -> tuple[np.ndarray, np.ndarray, int, int]:
    """Left and top pixel (t,) of the boxes around a body, and their width and height, the same in all frames.

    A box lies in the picture, so that no sample outside is drawn.
    """
    half = np.array(placed.body.solid.half, np.float32)
    corners = np.stack(np.meshgrid(*([-1, 1],) * 3), axis=-1).reshape(8, 3) * half
    corners = np.einsum("tij,kj->tki", placed.rotations, corners) + (placed.centres - view.poses.eye)[:, None]
    across, along, depth = (np.einsum("tki,ti->tk", corners, axis) for axis in view.poses[1:])
    depth = np.maximum(depth, 0.1)
    bounds = []
    for place, size in ((across / depth, view.width), (along / depth, view.height)):
        pixels = place * view.focal + size / 2
        first, last = np.floor(pixels.min(axis=1)), np.ceil(pixels.max(axis=1))
        extent = int(min(size, (last.clip(0, size) - first.clip(0, size)).max()))
        bounds.append((np.clip(first, 0, size - extent).astype(np.int64), extent))
    (left, width), (top, height) = bounds
    return left, top, width, height
