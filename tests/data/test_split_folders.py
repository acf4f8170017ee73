"""Which folders are splits: by their names in any case and spelling, by what was said, or asked."""

import re

import pytest
from data.small_layouts import touch

from pvdm.data import SplitFolders, SplitOptions, find_splits
from pvdm.errors import InputError
from pvdm.evaluation.clips.video_set import VideoSet
from pvdm.training import VideoData


def splits(root, layout="folder", **options) -> dict[str, list[str]]:
    """The paths below root of each part, as text."""
    found = find_splits(root, layout, SplitOptions(**options))
    return {
        name: [entry.path.relative_to(root).as_posix() for entry in getattr(found, name)]
        for name in ("training", "validation", "test")
    }


@pytest.mark.parametrize("train", ["train", "Train", "TRAINING", "train_set", "TrainVideos", "trainset"])
@pytest.mark.parametrize(
    "other",
    [
        *("valid", "VAL", "Validation", "eval", "Evaluation", "dev", "Test", "testing", "test-set", "TestClips"),
        *("holdout", "Hold-Out", "held_out", "Held Out", "heldout", "dev split", "valset", "test2"),
    ],
)
def test_a_folder_beside_that_of_training_is_validated_and_never_trained_on(tmp_path, train, other):
    touch(tmp_path, f"{train}/a.mp4", f"{train}/deep/b.mp4", f"{other}/c.mp4")
    found = splits(tmp_path)
    assert found == {
        "training": [f"{train}/a.mp4", f"{train}/deep/b.mp4"],
        "validation": [f"{other}/c.mp4"],
        "test": [],
    }


def test_with_several_val_is_for_validation_and_test_is_left_out_and_said(tmp_path):
    touch(tmp_path, "train/a.mp4", "Valid/b.mp4", "eval/c.mp4", "test/d.mp4", "holdout/e.mp4")
    assert splits(tmp_path) == {
        "training": ["train/a.mp4"],
        "validation": ["Valid/b.mp4", "eval/c.mp4"],
        "test": ["holdout/e.mp4", "test/d.mp4"],
    }
    (note,) = find_splits(tmp_path).notes
    assert note.startswith("2 videos of the test split are used for neither training nor validation, such as ")
    found = find_splits(tmp_path)
    assert found.train_on("test").training == found.test  # which is what an evaluation of that part takes
    assert found.train_on("both").training == [*found.training, *found.test]


@pytest.mark.parametrize(
    "name", ["sky_train sky_test", "train2017 val2017", "train_480p test_480p", "ucf-train ucf-dev"]
)
def test_names_that_share_their_other_words_are_splits(tmp_path, name):
    train, other = name.split()
    touch(tmp_path, f"{train}/a.mp4", f"{other}/b.mp4")
    assert splits(tmp_path) == {"training": [f"{train}/a.mp4"], "validation": [f"{other}/b.mp4"], "test": []}


def test_splits_below_each_class(tmp_path):
    touch(
        tmp_path, "run/train/a.mp4", "run/test/b.mp4", "jump/train/c.mp4", "jump/test/d/e_1.jpg", "jump/train/f/g.png"
    )
    found = find_splits(tmp_path, "classes")
    assert found.classes == ("jump", "run")
    labelled = {entry.path.name: entry.label for entry in found.training}
    assert labelled == {"a.mp4": 1, "c.mp4": 0, "f": 0}
    assert {entry.path.name: entry.label for entry in found.validation} == {"b.mp4": 1, "d": 0}


@pytest.mark.parametrize("other", ["val_old", "my test", "testing (copy)", "train2", "holdout.bak"])
def test_names_that_only_resemble_a_split_are_asked_about(tmp_path, other):
    touch(tmp_path, "train/a.mp4", f"{other}/b.mp4")
    for layout in ("folder", "auto", "classes"):
        with pytest.raises(
            InputError, match=rf"holds train and {re.escape(other)}, and it is unclear .*validation_folders"
        ):
            find_splits(tmp_path, layout)
    told = SplitFolders(training=["train"], validation=[other])
    assert splits(tmp_path, folders=told)["validation"] == [f"{other}/b.mp4"]


def test_without_a_folder_for_training_the_rest_is_that(tmp_path):
    touch(tmp_path, "a.mp4", "clips/b.mp4", "eval/c.mp4")
    assert splits(tmp_path) == {"training": ["a.mp4", "clips/b.mp4"], "validation": ["eval/c.mp4"], "test": []}


def test_names_that_mean_something_else(tmp_path):
    paths = touch(
        tmp_path, *(f"{name}/{i}.mp4" for name in ("crash test", "contest", "trains", "test1") for i in range(9))
    )
    found = find_splits(tmp_path, options=SplitOptions(validation_fraction=0.3))
    assert len(found.training) + len(found.validation) == len(paths) and len(found.validation) > 1 and not found.test


def test_videos_beside_the_splits_are_left_out_and_said(tmp_path):
    touch(tmp_path, "train/a.mp4", "val/b.mp4", "more/c.mp4", "d.mp4")
    assert splits(tmp_path) == {"training": ["train/a.mp4"], "validation": ["val/b.mp4"], "test": []}
    (note,) = find_splits(tmp_path).notes
    assert note.startswith("2 videos lie in no folder of a split and are left out, such as ") and note.endswith("d.mp4")


def test_train_among_other_folders_is_asked_about(tmp_path):
    """It may be the class of trains."""
    touch(tmp_path, "car/1.mp4", "bus/2.mp4", "train/3.mp4", "car/4.mp4")
    with pytest.raises(InputError, match=r"1 videos in a folder for training .*and 3 in others .*training_folders"):
        find_splits(tmp_path)
    everything = splits(tmp_path, folders=SplitFolders(training=["."]))
    assert sorted(everything["training"] + everything["validation"]) == [
        *("bus/2.mp4", "car/1.mp4", "car/4.mp4", "train/3.mp4")
    ]
    only = find_splits(tmp_path, options=SplitOptions(folders=SplitFolders(training=["train"])))
    assert [entry.path.name for entry in only.training] == ["3.mp4"] and "3 videos lie in no folder" in only.notes[0]


def test_folders_that_are_given(tmp_path):
    touch(tmp_path, "a/x/1.mp4", "a/y/2.mp4", "b/x/3.mp4", "test/z/4.mp4", "a/y/held/5.mp4")
    told = SplitFolders(training=["a", "test"], validation=["a/y/held", "b"])
    found = find_splits(
        tmp_path, "classes", SplitOptions(folders=SplitFolders(training=["a", "test"], validation=["b"]))
    )
    assert [found.classes[entry.label] for entry in found.training] == ["x", "y", "y", "z"]
    assert [entry.path.name for entry in find_splits(tmp_path, options=SplitOptions(folders=told)).validation] == [
        "5.mp4",
        "3.mp4",
    ]
    with pytest.raises(InputError, match=r"none holds no videos, and data.validation_folders names it; correct the"):
        find_splits(tmp_path, options=SplitOptions(folders=SplitFolders(validation=["none"])))


def test_a_split_alone_is_not_trained_on_but_evaluated(make_video, tmp_path):
    make_video("set/test/a.mp4", 6, 16, 24)
    assert splits(tmp_path / "set") == {"training": [], "validation": ["test/a.mp4"], "test": []}
    assert len(VideoSet.find(tmp_path / "set").videos) == 1
    with pytest.raises(
        InputError, match=r"no videos to train on; .* test folders, name the folders to train on \(data.training_fol"
    ):
        VideoData(tmp_path / "set", frames=4, height=16, width=16).setup("fit")
    asked = VideoData(tmp_path / "set", frames=4, height=16, width=16, training_folders=["test"])
    asked.setup("fit")
    assert len(asked.training) == 1


def test_the_test_part_is_evaluated_where_there_is_one_for_validation_too(make_video, tmp_path):
    for name in ("train/a", "val/b", "test/c"):
        make_video(f"set/{name}.mp4", 6, 16, 24)
    (video,) = VideoSet.find(tmp_path / "set", part="test").videos
    assert video.path.stem == "c"
