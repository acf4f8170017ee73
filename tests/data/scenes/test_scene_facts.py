"""What is known of a clip: facts agree with captions and pictures, and paths of scenes give all of it."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from pvdm.data.scenes import ScenePath, World, scene, scene_of
from pvdm.data.scenes.scene_caption import WAYS, caption_of
from pvdm.data.scenes.scene_videos import read_clip
from pvdm.errors import InputError
from pvdm.video import ClipShape

SHAPE = ClipShape(16, 32, 48)


def test_facts_agree_with_the_caption_and_the_picture():
    directions = set()
    for index in range(40):
        made = scene(11, index, bodies=1, start=index, height=96, width=96)
        (facts,) = made.facts
        words = made.caption.partition(";")[0]
        directions.add(facts.direction)
        assert f" {facts.color} " in words and f" {facts.shape} " in words
        if facts.direction in WAYS:
            assert words.endswith(WAYS[facts.direction])
        else:
            vertical = any(verb in words for verb in ("rises", "falls", "bounces"))
            assert vertical == (facts.direction != "none") or not facts.is_clear
        mask = made.segments()[8] == 1
        rows, columns = np.nonzero(mask)
        assert facts.place == pytest.approx(((columns.mean() + 0.5) / 96, (rows.mean() + 0.5) / 96))
        assert facts.area == pytest.approx((made.segments() == 1).mean())
    assert len(directions) >= 8


def test_the_largest_body_comes_first_and_unseen_ones_are_left_out():
    for index in range(10):
        made = scene(12, index)
        counts = np.bincount(made.segments().ravel(), minlength=2)[1:]
        assert [facts.area for facts in made.facts] == sorted(counts[counts > 0] / made.segments().size, reverse=True)


def test_a_direction_near_a_threshold_is_not_clear():
    made = scene(11, 1, bodies=1, camera="still")
    body = replace(made.world.bodies[0], motion=replace(made.world.bodies[0].motion, period=60.0, phase=0.0))

    def facts(reach: float, heading: float):
        motion = replace(body.motion, place=(0.0, 0.0), reach=reach, heading=heading - made.world.camera.azimuth)
        changed = replace(made.world, bodies=(replace(body, motion=motion),))
        (found,) = replace(made, world=changed).facts
        return found.direction, found.is_clear, *found.also

    assert facts(20.0, 0.0) == ("right", True) and facts(20.0, np.pi / 2) == ("towards", True)
    assert facts(20.0, 0.76) == ("right", False, "towards") and facts(20.0, 0.87) == ("towards", False, "right")
    assert facts(20.0, 0.7) == ("right", False) and facts(20.0, 0.95) == ("towards", False)
    assert facts(0.1, 0.0) == ("none", True) and facts(0.8, 0.0) == ("none", False, "right")


def test_number_of_bodies_and_camera_can_be_chosen():
    for index in range(20):
        worlds = [World.draw(5, index, bodies=count, camera="still") for count in (1, 2)]
        assert len(worlds[0].bodies) == 1 and 1 <= len(worlds[1].bodies) <= 2
        assert {world.camera.kind for world in worlds} == {"still"}
        usual = World.draw(5, index)
        assert len(usual.bodies) < 4 or World.draw(5, index, bodies=4) == usual
    with pytest.raises(InputError, match="cannot have 5 bodies"):
        scene(0, 0, bodies=5)


@pytest.mark.parametrize("which", [ScenePath(3, 12, 50), ScenePath(3, 12, 50, 1), ScenePath(3, 12, 50, 2, "orbit")])
def test_paths_say_which_scenes_are_chosen(which):
    assert ScenePath.of(which.path) == which
    assert which.world == World.draw(3, 12, bodies=which.bodies, camera=which.camera)
    expected = {None: "50-frames", 1: "50-frames-1-body", 2: "50-frames-2-bodies-orbit"}[which.bodies]
    assert which.path.parent.name == expected


@pytest.mark.parametrize(("pace", "seconds"), [({}, 0.64), ({"stride": 2}, 1.28), ({"fps": 10.0}, 1.6)])
def test_a_clip_of_a_path_gives_its_caption_cameras_and_sound(pace, seconds):
    path, shape = ScenePath(3, 10, 60, 1, "orbit").path, replace(SHAPE, **pace)
    made = scene_of(path, shape, 7, views=2)
    assert torch.equal(torch.from_numpy(made.frames).permute(3, 0, 1, 2), read_clip(path, shape, 7))
    assert made.caption == caption_of(made.world, made.world.camera, made.times, (32, 48))
    assert made.cameras[0].extrinsics.shape == (16, 4, 4) and made.views.shape == (2, 16, 32, 48, 3)
    sound = made.sound(16_000)
    assert sound.dtype == np.float32 and len(sound) == round(seconds * 16_000)
    impacts = [event for event in made.events if event.kind == "impact"]
    assert bool(impacts) == bool(np.abs(sound).max() > 0.02)


def test_a_clip_beyond_the_end_of_a_scene_is_refused():
    path = ScenePath(3, 10, 20).path
    for start in (-1, 5):
        with pytest.raises(InputError, match="has no frame"):
            scene_of(path, SHAPE, start)
