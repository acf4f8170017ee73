"""Flat options become groups, each value in one place, and are refused where a training would refuse them."""

from dataclasses import asdict, fields
from pathlib import Path

import pytest

from pvdm.data import Augmentation, DataCard, DataOptions, SceneOptions, SplitFolders, SplitOptions
from pvdm.data.data_options import LoadingOptions, SampleOptions, parse_options
from pvdm.data.tracks.frame_tracks import FrameTracks
from pvdm.data.tracks.sample_scores import SampleScores
from pvdm.errors import InputError
from pvdm.video import ClipShape, ColorJitter

OTHERS = {
    "layout": "ucf101",
    "scenes": SceneOptions(videos=9),
    "split": 2,
    "part": "both",
    "balanced": True,
    "frames": 8,
    "height": 64,
    "width": 32,
    "fps": 12.5,
    "loop": True,
    "clips": 2,
    "batch_size": 3,
    "workers": 0,
    "reader": "pyav",
    "prefetch": 5,
    "validation_fraction": 0.3,
    "training_folders": ["a", "b"],
    "validation_folders": ["c"],
    "validation_clips": "all",
    "max_bad_share": 0.2,
    "clips_per_video": 7,
    "random_crop": True,
    "horizontal_flip": True,
    "color_jitter": ColorJitter(hue=0.1),
    "captions": True,
    "cameras": True,
    "scores": ["motion", "fps"],
    "sound": "encoder",
    "value_range": (0, 1023),
    "card": DataCard("mine"),
    "seed": 9,
}
"""A value for each option but path, stride and mix, which is not its default."""


def test_every_option_reaches_its_group():
    options = DataOptions(Path("videos"), **OTHERS)
    assert set(OTHERS) == {field.name for field in fields(DataOptions)} - {"path", "stride", "mix"}
    clip = ClipShape(8, 64, 32, fps=12.5, loop=True)
    assert options.samples == SampleOptions(clip, 2, 7, None, True, Augmentation(True, True, ColorJitter(hue=0.1)))
    assert options.splits == SplitOptions(2, 0.3, SplitFolders(("a", "b"), ("c",)), 9, SceneOptions(videos=9))
    assert options.loading == LoadingOptions(3, 0, 5)
    assert options.clip_scores == SampleScores(("motion", "fps"))
    assert options.tracks == FrameTracks(cameras=True, sound="encoder")
    assert DataOptions(Path("videos"), stride=4).samples.clip.stride == 4


def test_without_options_groups_have_their_own_defaults():
    options = DataOptions(Path("videos"))
    assert options.samples == SampleOptions(ClipShape(16, 256, 256))
    assert (options.splits, options.loading) == (SplitOptions(), LoadingOptions())


@pytest.mark.parametrize(
    ("given", "folders"),
    [
        ({"training_folders": ["a"]}, SplitFolders(("a",))),
        ({"validation_folders": ["b"]}, SplitFolders((".",), ("b",))),
        ({"validation_folders": []}, SplitFolders()),
    ],
)
def test_folders_of_one_split_leave_the_rest_to_the_other(given, folders):
    assert DataOptions(Path("videos"), **given).splits.folders == folders


@pytest.mark.parametrize("name", ["clips", "clips_per_video", "validation_clips", "batch_size", "prefetch"])
def test_counts_are_checked_at_once(name):
    with pytest.raises(InputError, match=f"^{name} is 0; give a value at least 1"):
        DataOptions(Path("videos"), **{name: 0})


def test_what_configs_hold_is_parsed():
    given = {"path": "videos", **OTHERS, "card": asdict(OTHERS["card"]), "color_jitter": {"hue": 0.1}}
    given["scenes"] = {"videos": 9}
    assert parse_options(given) == DataOptions(Path("videos"), **OTHERS)
    with pytest.raises(InputError, match=r"data\.frame is not an option \(did you mean data\.frames\?\); see pvdm fit"):
        parse_options({"path": "videos", "frame": 8})
