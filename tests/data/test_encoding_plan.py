"""A plan as JSON, its shards, and the differences between two plans."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from pvdm.data import Video
from pvdm.data.latents.encoding_plan import LatentPlan
from pvdm.video import ClipShape, VideoInfo

SETTINGS = {"stride": 1, "flips": True, "dtype": "float16", "precision": "32", "clips_per_shard": 10}


def plan(**changes) -> LatentPlan:
    """Videos of 37, 3, 17 and 9 clips, of which the last is of validation."""
    videos = [Video(Path(f"c/{n}.avi"), VideoInfo(n, 8, 8, 25.0), n % 3) for n in (40, 6, 20, 12)]
    options = {"videos": videos, "training": 3, "validation": [3], "classes": ("a", "b", "c"), "data": {"card": {}}}
    first = {"autoencoder": {"sha256": "0", "config": {}}, "settings": SETTINGS, "clip": ClipShape(4, 8, 8)}
    return LatentPlan(**{**first, "latent": (2, 5), **options, **changes})


def test_it_comes_back_from_json():
    stored = json.loads(json.dumps(plan().to_json()))
    assert LatentPlan.from_json(stored) == plan()
    assert LatentPlan.from_json(stored).digest == plan().digest


def test_every_clip_is_in_one_shard():
    found = plan()
    assert (found.clips, found.mirrored) == (66, 57)
    shards = found.shards()
    assert [row for shard in shards for row in range(shard.first, shard.stop)] == list(range(66))
    assert [shard.mirrored for shard in shards] == [10] * 5 + [7, 0]
    assert all(found.shard_of(row) == shards[row // 10] for row in range(66))
    assert len({shard.file for shard in shards}) == 7


def test_the_rows_of_a_shard_are_those_of_its_videos():
    found = plan()
    names = [
        (video.path.stem, row) for shard in found.shards() for video, rows in found.videos_in(shard) for row in rows
    ]
    assert names == [
        (str(frames), row) for frames, rows in ((40, 37), (6, 3), (20, 17), (12, 9)) for row in range(rows)
    ]
    assert [found.rows_of(number) for number in (0, 2)] == [range(37), range(40, 57)]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"settings": {**SETTINGS, "stride": 2}}, "--stride is 2 there and 1 here"),
        ({"settings": {**SETTINGS, "dtype": "bfloat16"}}, "--dtype is bfloat16 there and float16 here"),
        ({"settings": {**SETTINGS, "clips_per_shard": 9}}, "--clips-per-shard is 9 there and 10 here"),
        ({"settings": {**SETTINGS, "hints": ["first", "ends"]}}, "--hints is first ends there and None here"),
        ({"clip": ClipShape(4, 8, 8, stride=2)}, "data.stride is 2 there and 1 here"),
        ({"autoencoder": {"sha256": "1", "config": {}}}, "they are of another autoencoder"),
        ({"videos": plan().videos[:3], "validation": []}, r"they are of other videos \(3 there and 4 here\)"),
    ],
)
def test_what_differs_is_named(changes, words):
    (found,) = plan().differences(plan(**changes))
    assert found == words.replace("\\", "")
    assert plan().digest != plan(**changes).digest


def test_where_the_videos_lie_and_what_is_said_of_them_makes_no_difference():
    other = replace(plan(), data={"card": {"name": "mine"}})
    assert plan().differences(other) == []
    assert plan().digest == other.digest
