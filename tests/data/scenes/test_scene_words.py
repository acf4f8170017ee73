"""Captions, events and sounds say what the pictures show."""

import re
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from pvdm.data.scenes import scene
from pvdm.data.scenes.body_motion import Motion
from pvdm.data.scenes.moving_camera import Camera
from pvdm.data.scenes.rendered_scene import RenderedScene
from pvdm.data.scenes.rendering.surfaces import PLACES, Surface
from pvdm.data.scenes.world import Body, World

RED = "a large red sphere"
CAMERA = Camera("still", 0.0, 0.3, 6.5, (0.0, 0.5, 0.0), 0.7)
PLAIN = Surface("red", "plain", "matt")
SPHERE = Body("sphere", "large", 0.8, PLAIN, Motion("stand", (0.0, 0.0)))
ORANGE = replace(SPHERE, size="medium", surface=replace(PLAIN, color="orange"))
CUBE = Body("cube", "small", 0.35, Surface("blue", "striped", "glossy"), Motion("stand", (0.5, 0.5)))


def clip(*bodies: Body, camera: Camera = CAMERA, start: float = 0.0, frames: int = 16) -> RenderedScene:
    world = World(bodies, PLACES[0], "plain", (0.0, 1.0, 0.0), camera)
    return RenderedScene(world, start + np.arange(frames) / 25, 64, 64)


def moving(body: Body, kind: str, **motion) -> Body:
    return replace(body, motion=replace(body.motion, kind=kind, **motion))


BOUNCING = moving(SPHERE, "bounce", drop=1.2, dropped=-0.3, restitution=0.9)  # impacts at 0.19 and 1.08 s


@pytest.mark.parametrize(
    ("bodies", "options", "words"),
    [
        ((SPHERE,), {}, "a large red sphere stands still"),
        ((CUBE,), {}, "a small glossy blue striped cube stands still"),
        (
            (replace(SPHERE, size="medium", surface=replace(PLAIN, color="orange")),),
            {},
            "an orange sphere stands still",
        ),
        ((BOUNCING,), {}, "a large red sphere bounces"),
        ((BOUNCING,), {"frames": 40}, "a large red sphere bounces twice"),
        ((BOUNCING,), {"start": 0.25, "frames": 8}, "a large red sphere rises"),
        ((BOUNCING,), {"start": 0.75, "frames": 8}, "a large red sphere falls"),
        ((BOUNCING,), {"start": 0.25, "frames": 20}, "a large red sphere rises and falls"),
        ((BOUNCING,), {"start": 60.0}, "a large red sphere stands still"),
        ((moving(SPHERE, "roll", reach=1.0),), {}, "a large red sphere rolls to the right"),
        ((moving(SPHERE, "roll", reach=1.0, phase=np.pi),), {}, "a large red sphere rolls to the left"),
        ((moving(SPHERE, "roll", reach=1.0, heading=np.pi / 2),), {}, "a large red sphere rolls towards the camera"),
        (
            (moving(SPHERE, "slide", reach=1.0, heading=-np.pi / 2),),
            {},
            f"{RED} slides away from the camera",
        ),
        ((moving(SPHERE, "slide", reach=1.0),), {"frames": 60}, "a large red sphere slides to and fro"),
        ((moving(CUBE, "turn", spin=1.0),), {}, "a small glossy blue striped cube turns counterclockwise"),
        ((moving(CUBE, "turn", spin=-1.0),), {}, "a small glossy blue striped cube turns clockwise"),
    ],
)
def test_a_caption_names_each_body_and_what_it_does(bodies, options, words):
    assert clip(*bodies, **options).caption == f"{words}; the camera stands still"


@pytest.mark.parametrize(
    ("camera", "words"),
    [
        ({"kind": "orbit", "speed": 0.3}, "orbits to the right"),
        ({"kind": "orbit", "speed": -0.3}, "orbits to the left"),
        ({"kind": "dolly", "reach": 0.2}, "moves away"),
        ({"kind": "dolly", "reach": 0.2, "phase": np.pi}, "moves closer"),
        ({"kind": "dolly", "reach": 0.2, "phase": np.pi / 2 - 0.47, "period": 4}, "moves away and back"),
        ({"kind": "dolly", "reach": 0.2, "phase": -np.pi / 2 - 0.47, "period": 4}, "moves closer and back"),
    ],
)
def test_a_caption_says_what_the_camera_does(camera, words):
    assert clip(SPHERE, camera=replace(CAMERA, **camera)).caption.endswith(f"; the camera {words}")


def test_orbits_shift_the_background_the_other_way():
    """To the right of a camera that moves right is what was ahead: a body behind the middle goes right."""
    far = replace(CUBE, motion=Motion("stand", (0.0, -1.5)))
    found = clip(far, camera=replace(CAMERA, kind="orbit", speed=0.3)).segments()
    columns = [np.nonzero(frame)[1].mean() for frame in found]
    assert columns[-1] > columns[0] + 2


def test_bodies_that_pass_behind_others_are_seen_to():
    small = replace(CUBE, motion=Motion("slide", (0.0, -1.4), reach=1.5, phase=-0.5))
    passing = clip(SPHERE, small)
    assert "striped cube slides to the right and passes behind the red sphere; the camera" in passing.caption
    (event,) = passing.events
    assert (event.kind, event.body, event.other) == ("passes behind", 1, 0)
    hidden = (passing.segments() == 2).sum(axis=(1, 2))
    assert hidden[round(event.time * 25)] == 0 < hidden[0]
    front = clip(SPHERE, replace(small, motion=replace(small.motion, place=(0.0, 1.0))))
    assert " and passes in front of the red sphere" in front.caption


def test_what_is_not_in_the_picture_is_not_in_the_caption():
    away = replace(CUBE, motion=Motion("stand", (9.0, 0.0)))
    behind = replace(CUBE, motion=Motion("stand", (0.0, -1.4)))
    for unseen in (away, behind):
        assert (clip(SPHERE, unseen).segments() == 2).sum() == 0
        assert "cube" not in clip(SPHERE, unseen).caption


def test_captions_of_many_scenes_agree_with_their_pictures():
    """Counts of bounces are those of the events; bodies named are seen, and those unnamed hardly."""
    motions = Counter()
    for index in range(60):
        made = scene(7, index, start=index % 50)
        clauses = made.caption.rpartition("; ")[0].split(", ")
        seen = [(made.segments() == number).sum(axis=(1, 2)).max() for number in range(1, len(made.world.bodies) + 1)]
        for number, body in enumerate(made.world.bodies):
            named = [
                clause
                for clause in clauses
                if re.search(rf"\b{body.surface.color}\b.* {body.shape} (?!,)", clause + " ")
            ]
            own = [clause for clause in named if f"{body.surface.color}" in clause.split(" and passes")[0]]
            assert seen[number] > 3 if own else seen[number] < 16, made.caption  # of 4,096 pixels
            if own:
                last = made.times[-1] - made.times[0]
                impacts = [event for event in made.events if event.body == number and event.kind == "impact"]
                assert ("bounces" in own[0]) == any(0 < event.time <= last for event in impacts)
                motions.update(re.findall("bounces|rolls|slides|turns|stands", own[0]))
    assert min(motions.values()) >= 5 and len(motions) == 5


def test_events_are_at_the_moments_that_pictures_show():
    events = clip(BOUNCING, frames=40).events
    moments = [0.0 - 0.3 + np.sqrt(2 * 1.2 / 9.81)]
    moments.append(moments[0] + 2 * 0.9 * np.sqrt(2 * 9.81 * 1.2) / 9.81)
    assert [event.kind for event in events] == ["impact"] * 2
    np.testing.assert_allclose([event.time for event in events], moments)
    assert events[0].speed == pytest.approx(np.sqrt(2 * 9.81 * 1.2))
    later = clip(BOUNCING, start=0.12, frames=40).events
    np.testing.assert_allclose([event.time for event in later], np.array(moments) - 0.12)


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100])
def test_a_click_begins_at_each_impact_and_nowhere_else(rate):
    made = clip(BOUNCING, frames=40)
    sound = made.sound(rate)
    assert sound.dtype == np.float32 and len(sound) == round(1.6 * rate) and np.abs(sound).max() <= 1
    for event in made.events:
        begin = int(np.ceil(event.time * rate))
        before, after = sound[begin - rate // 20 : begin], sound[begin : begin + rate // 100]
        assert np.abs(before).max() < 1e-3 < 0.03 < np.abs(after).max()
    louder, quieter = (np.abs(sound[int(event.time * rate) :][: rate // 50]).max() for event in made.events)
    assert louder > quieter * 0.99
    assert not clip(SPHERE).sound(rate).any()


def test_sounds_of_clips_that_follow_each_other_join():
    whole = scene(0, 10, frames=100).sound(16_000)
    parts = [scene(0, 10, frames=25, start=start).sound(16_000) for start in (0, 25, 50, 75)]
    assert np.abs(whole).max() > 0.02
    np.testing.assert_allclose(np.concatenate(parts), whole, atol=1e-6)
    assert [len(scene(0, 10, frames=n, fps=50, stride=5).sound(8_000)) for n in (1, 4)] == [800, 3200]
