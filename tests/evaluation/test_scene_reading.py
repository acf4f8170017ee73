"""Scenes are read from their pixels, and readings are compared with captions and with what is known."""

from dataclasses import replace

import numpy as np
import pytest

from pvdm.data.scenes import BodyFacts, scene
from pvdm.errors import InputError
from pvdm.evaluation.scene_reading import (
    Agreement,
    BodyReading,
    Claim,
    agreement,
    agreements,
    claims_of,
    read_bodies,
    read_scene,
    scene_reader,
)

BALL = BodyReading("red", "sphere", (0.5, 0.5), "left", 0.1)
CUBE = BodyReading("blue", "cube", (0.2, 0.5), "none", 0.05)


def as_read(facts: BodyFacts) -> BodyReading:
    return BodyReading(facts.color, facts.shape, facts.place, facts.direction, facts.area)


def test_captions_are_parsed():
    caption = "a large red dotted sphere rolls to the left and passes behind the blue cube, a blue cube stands still"
    claims = [Claim("red", "sphere", ("left",)), Claim("blue", "cube", ("none",))]
    assert claims_of(f"{caption}; the camera orbits to the right") == claims
    assert claims_of("a ring") == [Claim(None, "ring")] and claims_of("the camera stands still") == []
    assert claims_of("an orange cone rises and falls")[0].directions == ("up", "down", "up and down")


def test_a_caption_agrees_with_the_facts_of_its_scene():
    for index in range(60):
        made = scene(21, index, start=index, bodies=1)
        (facts,) = made.facts
        if facts.is_clear:
            (found,) = agreements([as_read(facts)], made.caption)
            assert found == Agreement(True, True, None, True), (made.caption, facts)


def test_each_property_is_compared_with_what_is_known():
    facts = BodyFacts("red", "cube", (0.53, 0.5), "right", True, 0.1, True)
    assert agreement(BALL, facts) == Agreement(True, False, True, False)
    assert agreement(BALL, replace(facts, place=(0.56, 0.5))).place is False
    assert agreement(BALL, replace(facts, also=("left", "away"))).direction is True
    assert agreement(None, facts) == Agreement(False, False, False, False)
    assert agreement(BALL, Claim("red", None)) == Agreement(True, None, None, None)
    assert agreement(BALL, Claim("red", None)).together and not agreement(BALL, facts).together


def test_each_body_of_a_caption_takes_its_own_reading():
    caption = "a blue cube stands still, a red sphere rolls to the left"
    assert all(each.together for each in agreements([BALL, CUBE], caption))
    swapped = agreements([replace(BALL, color="blue"), replace(CUBE, color="red")], caption)
    assert [each.color for each in swapped] == [False, False] and not any(each.together for each in swapped)
    assert agreements([BALL], caption)[1] == Agreement(True, True, None, True)
    assert [each.together for each in agreements([], caption)] == [False, False]


@pytest.mark.parametrize("options", [{"bodies": 1, "camera": "still"}, {}], ids=["one body", "any scene"])
def test_the_largest_body_of_rendered_clips_is_read_as_it_is(options):
    made = [scene(23, index, start=index, **options) for index in range(30)]
    right = [agreements(read_bodies(each.frames), each.facts)[0] for each in made]
    assert sum(each.together for each in right) >= 29
    assert min(sum(each.color for each in right), sum(each.place for each in right)) == 30


def test_the_way_of_a_body_turns_where_it_hits_the_ground():
    number = next(n for n in range(0, 200, 5) if _lands(scene(7, n, frames=16, bodies=1, camera="still")))
    made = scene(7, number, frames=16, bodies=1, camera="still")
    path = read_bodies(made.frames)[0].path
    lowest = max(range(16), key=lambda frame: path[frame][1])
    assert abs(lowest - 25 * made.events[0].time) <= 1


def _lands(made):
    """Whether the body hits the ground once, well within the clip, and is seen in all frames."""
    times = [25 * event.time for event in made.events]
    return len(times) == 1 and 4 < times[0] < 11 and made.facts and made.facts[0].is_whole and made.facts[0].area > 0.01


def test_clips_of_other_sizes_are_read_and_empty_ones_show_nothing():
    made = scene(22, 5, bodies=1, height=128, width=128)
    assert agreement(read_scene(made.frames), made.facts[0]).color
    assert read_bodies(np.full((16, 64, 64, 3), 128, np.uint8)) == []
    assert read_scene(np.full((16, 64, 64, 3), 128, np.uint8)) is None


@pytest.mark.parametrize("shape", [(8, 64, 64, 3), (16, 64, 32, 3), (16, 64, 64, 1), (64, 64, 3)])
def test_clips_of_another_form_are_refused(shape):
    with pytest.raises(InputError, match="cannot be read; give"):
        read_scene(np.zeros(shape, np.uint8))
    with pytest.raises(InputError, match="float32"):
        read_scene(np.zeros((16, 64, 64, 3), np.float32))


def test_damaged_weights_are_refused(monkeypatch, tmp_path):
    path = tmp_path / "scene_reader.safetensors"
    path.write_bytes(b"no weights")
    monkeypatch.setattr(scene_reader, "WEIGHTS", path)
    scene_reader._reader.cache_clear()
    with pytest.raises(InputError, match="missing or damaged; reinstall pvdm"):
        read_scene(np.zeros((16, 64, 64, 3), np.uint8))
    scene_reader._reader.cache_clear()
