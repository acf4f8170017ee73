"""Pictures show what the world holds: the oracle marches rays through it, and cameras project it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from data.scenes.marching import distance, first_hit

from pvdm.data.scenes import scene
from pvdm.data.scenes.rendering.placed import Placed
from pvdm.data.scenes.rendering.ray_caster import render, segment
from pvdm.data.scenes.world import World
from pvdm.errors import InputError

SIDE = 64


def marched(world: World, camera, time: float, size: tuple[int, int]) -> np.ndarray:
    """The body at each pixel's centre, as `segments` numbers them."""
    height, width = size
    pose, focal = camera.poses(np.array([time])), camera.intrinsics(height, width)[0, 0]
    rows, columns = np.mgrid[:height, :width] + 0.5
    across, along = (columns - width / 2) / focal, (rows - height / 2) / focal
    ways = pose.forward[0] + across[..., None] * pose.right[0] + along[..., None] * pose.down[0]
    ways = ways.reshape(-1, 3) / np.linalg.norm(ways.reshape(-1, 3), axis=1, keepdims=True)
    solids, moment = [body.solid for body in world.bodies], np.array([time])
    centres = [body.positions(moment)[0] for body in world.bodies]
    turns = [body.rotations(moment)[0] for body in world.bodies]
    return first_hit(solids, centres, turns, np.broadcast_to(pose.eye[0], ways.shape), ways)[0].reshape(height, width)


@pytest.mark.parametrize("index", [5, 6, 7, 8, 9, 36, 61])
def test_bodies_are_where_marched_rays_meet_them(index):
    clip = scene(0, index, frames=1, start=17, height=SIDE, width=SIDE)
    expected = marched(clip.world, clip.world.camera, 17 / 25, (SIDE, SIDE))
    found = clip.segments()[0]
    assert len(np.unique(expected)) > 1
    assert (found != expected).mean() < 0.012  # at outlines, where one covers half a pixel


def test_views_and_shapes_of_other_sizes_are_the_same_world():
    clip = scene(1, 7, frames=1, start=3, height=40, width=72, views=3)
    for number, found in enumerate(clip.segments(view)[0] for view in range(3)):
        camera = clip.world.camera.beside(2 * np.pi * number / 3)
        assert (found != marched(clip.world, camera, 3 / 25, (40, 72))).mean() < 0.012
    assert clip.views.shape == (3, 1, 40, 72, 3) and np.array_equal(clip.views[0], clip.frames)
    assert len({view.tobytes() for view in clip.views}) == 3


@pytest.mark.parametrize("index", range(0, 40, 3))
def test_cameras_project_centres_onto_the_bodies(index):
    clip = scene(0, index, frames=3, stride=20, height=96, width=96)
    track = clip.cameras[0]
    for body in (body for body in clip.world.bodies if body.shape != "ring"):  # the centre of a ring is empty
        found = replace(clip, world=replace(clip.world, bodies=(body,))).segments()
        for t, place in enumerate(body.positions(clip.times)):
            x, y, depth = track.intrinsics @ (track.extrinsics[t] @ [*place, 1])[:3]
            if 0 <= x < 96 * depth and 0 <= y < 96 * depth:
                assert found[t, int(y / depth), int(x / depth)] == 1


@pytest.mark.parametrize("shape", ["sphere", "cube", "cylinder", "cone", "ring"])
def test_shadows_on_the_ground_are_where_bodies_hide_the_sun(shape):
    worlds = (World.draw(4, index) for index in range(200))
    world = next(world for world in worlds if world.bodies[0].shape == shape)
    body, times = world.bodies[0], np.array([0.7])
    placed, sun = replace(Placed.of(body, times, world), soft=np.full(1, 1e-4, np.float32)), np.array(world.sun)
    middle = placed.middle[0]
    x, z = (part.ravel() for part in np.meshgrid(*(middle[:, None] + np.linspace(-2, 2, 61))))
    shadow = placed.shadow(x[None].astype(np.float32), z[None].astype(np.float32))[0] > 0.5
    ground = np.stack([x, np.zeros_like(x), z], axis=1)
    centre, turn = body.positions(times)[0], body.rotations(times)[0]
    hidden, _ = first_hit([body.solid], [centre], [turn], ground, np.broadcast_to(sun, ground.shape))
    started_inside = distance(body.solid, (ground - centre) @ turn) < 1e-3
    assert 0.01 < hidden.mean() < 0.9
    assert (shadow != ((hidden > 0) | started_inside)).mean() < 0.015  # corners are cut by tangents


def test_a_picture_is_bright_in_the_sun_and_dark_in_the_shadow():
    world = replace(World.draw(0, 4), floor="plain", bodies=World.draw(0, 4).bodies[:1])
    empty = replace(world, bodies=())
    with_body, without = (render(each, each.camera, np.zeros(1), 64, 64).astype(int)[0] for each in (world, empty))
    ground = segment(world, world.camera, np.zeros(1), 64, 64)[0] == 0
    change = (with_body - without).sum(axis=-1)[ground]
    assert change.min() < -60 and np.percentile(change, 99) <= 0  # pixels that the body's edge shares may be lighter


def test_frames_do_not_depend_on_those_rendered_with_them():
    whole = scene(0, 12, frames=40, height=96, width=96).frames
    for start in (0, 7, 33):
        part = scene(0, 12, frames=3, start=start, height=96, width=96).frames
        assert np.abs(part.astype(int) - whole[start : start + 3]).max() <= 1
    strided = scene(0, 12, frames=4, stride=10, height=96, width=96).frames
    assert np.abs(strided.astype(int) - whole[::10]).max() <= 1
    assert np.array_equal(scene(0, 12, frames=4, fps=50, stride=2).times, scene(0, 12, frames=4).times)


def test_pictures_are_smooth_in_time_and_space():
    """No frame jumps, and edges are blended: sharp steps to a neighbour are rarer than with one ray a pixel."""
    for index in range(12):
        frames = scene(3, index, frames=12, height=64, width=64).frames.astype(int)
        change = np.abs(np.diff(frames, axis=0)).mean(axis=(1, 2, 3))
        assert change.max() < 25 and (change < 6 * np.median(change) + 2).all()


def test_a_clip_at_any_time_has_bodies_in_it():
    for start in (0, 500, 10_000):
        found = scene(0, 6, frames=2, start=start).segments()
        assert found.max() >= 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"frames": 0}, "frames 0"),
        ({"height": -1}, "height -1"),
        ({"views": 0}, "views 0"),
        ({"start": -1}, "start -1"),
        ({"stride": 0}, "stride 0"),
        ({"fps": 0.0}, "fps 0"),
        ({"seed": -1}, "seed -1"),
        ({"index": -1}, "index -1"),
    ],
)
def test_impossible_clips_are_refused(options, words):
    with pytest.raises(InputError, match=f"a scene cannot have {words}"):
        scene(options.pop("seed", 0), options.pop("index", 0), **options)


def test_pictures_are_the_same_on_every_machine():
    """The stored frames were rendered on one machine; the promise is that of `scene`."""
    with np.load(Path(__file__).with_name("scenes.npz")) as stored:
        size = {"height": 32, "width": 32}
        pairs = [(scene(0, int(name), frames=2, stride=8, start=12, **size).frames, stored[name]) for name in stored]
    assert len(pairs) == 7
    different = [np.abs(found.astype(int) - known) > 2 for found, known in pairs]
    assert np.mean(different) <= 0.001
