"""Sky and ground of a picture, with the shadows of bodies, sampled once a pixel."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pvdm.data.scenes.rendering.placed import Placed, View
from pvdm.data.scenes.rendering.shading import AMBIENT, SUNLIGHT
from pvdm.data.scenes.rendering.surfaces import floor_share, linear
from pvdm.data.scenes.world import World

FAR = 26.0
"""Metres at which the ground fades into the horizon."""


def background(world: World, view: View, bodies: Sequence[Placed]) -> np.ndarray:
    """(3, t, h, w) float32, linear: sky and ground."""
    _, _, down, forward = view.poses
    rows = view.rows(np.arange(view.height) + 0.5)
    rise = forward[:, 1, None] + down[:, 1, None] * rows  # (t, h): the camera stands upright, so columns rise alike
    zenith, horizon = (linear(color)[:, None, None] for color in (world.place.zenith, world.place.horizon))
    up = np.clip(rise * 2.2, 0, 1) ** 0.7
    sky = horizon + (zenith - horizon) * up
    picture = np.repeat(sky[..., None].astype(np.float32), view.width, axis=-1)
    top = int(np.argmax((rise < 0).any(axis=0))) if (rise < 0).any() else view.height
    picture[:, :, top:] = _ground(world, view, bodies, rise[:, top:], rows[top:], picture[:, :, top:])
    return picture


def _ground(
    world: World, view: View, bodies: Sequence[Placed], rise: np.ndarray, rows: np.ndarray, sky: np.ndarray
) -> np.ndarray:
    """(3, t, h, w): the lower rows of the picture, where the ground is; `sky` is what is there without it."""
    eye, right, down, forward = view.poses
    columns = view.columns(np.arange(view.width) + 0.5)
    depth = np.where(rise < -1e-3, -eye[:, 1, None] / np.minimum(rise, -1e-3), np.float32(1e3))
    x, z = (
        (eye[:, axis, None] + depth * (forward[:, axis, None] + down[:, axis, None] * rows))[..., None]
        + (depth * right[:, axis, None])[..., None] * columns
        for axis in (0, 2)
    )
    depth = depth[..., None]
    blur = depth * depth / (view.focal * eye[:, 1, None, None])
    sun, open_sky = np.ones_like(x), np.ones_like(x)
    for body in bodies:
        sun *= 1 - body.shadow(x, z)
        open_sky *= 1 - body.contact(x, z)
    share = floor_share(world.floor, x, z, blur)
    fog = 1 - np.exp(-np.square(depth / FAR))
    first, second, ambient, direct = _ground_light(world)
    picture = np.empty_like(sky)
    for channel in range(3):
        color = first[channel] if share is None else first[channel] + share * (second[channel] - first[channel])
        lit = color * (ambient[channel] * open_sky + direct[channel] * sun)
        picture[channel] = lit + fog * (sky[channel] - lit)
    return np.where(rise[..., None] < 0, picture, sky)


def _ground_light(world: World) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Both colours of the ground, the light of the sky on it and that of the sun."""
    place = world.place
    ambient = AMBIENT * (0.5 + 0.5 * linear(place.zenith) / linear(place.zenith).max())
    return linear(place.ground), linear(place.second), ambient, SUNLIGHT * linear(place.sun) * world.sun[1]
