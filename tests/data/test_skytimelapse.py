"""SkyTimelapse as it is published: each clip of each video is a folder of frames."""

import pytest
from data.small_layouts import touch

from pvdm.data import Entry, find_splits
from pvdm.errors import InputError

NAMES = ["a/a_1/a_frames_00000001.jpg", "a/a_1/a_frames_00000002.jpg", "a/a_2/a_frames_00000001.jpg", "b/b_1/f.jpg"]


@pytest.mark.parametrize("train", ["sky_train", "train"])
@pytest.mark.parametrize("test", ["sky_test", "val", "validation", "test"])
def test_every_clip_folder_is_a_video(tmp_path, train, test):
    touch(tmp_path / train, *NAMES)
    touch(tmp_path / test, "c/c_1/c_frames_00000001.jpg")
    splits = find_splits(tmp_path, "skytimelapse")
    assert splits.training == [Entry(tmp_path / train / name) for name in ("a/a_1", "a/a_2", "b/b_1")]
    assert splits.validation == [Entry(tmp_path / test / "c/c_1")]
    assert splits.classes is None and splits.absent == ()


def test_val_goes_before_test(tmp_path):
    touch(tmp_path, "train/a/a_1/f.jpg", "val/b/b_1/f.jpg", "test/c/c_1/f.jpg")
    assert find_splits(tmp_path, "skytimelapse").validation == [Entry(tmp_path / "val/b/b_1")]


def test_without_a_test_part_there_is_no_validation(tmp_path):
    touch(tmp_path / "sky_train", *NAMES)
    assert find_splits(tmp_path, "skytimelapse").validation == []


def test_errors(tmp_path):
    touch(tmp_path, "a/a_1/f.jpg")
    with pytest.raises(InputError, match=r"holds neither sky_train nor train; give the folder of SkyTimelapse"):
        find_splits(tmp_path, "skytimelapse")
    (tmp_path / "sky_train").mkdir()
    with pytest.raises(InputError, match=r"sky_train holds no videos; put"):
        find_splits(tmp_path, "skytimelapse")
    with pytest.raises(InputError, match=r"none does not exist; give"):
        find_splits(tmp_path / "none", "skytimelapse")


def test_the_real_layout(shared_data):
    splits = find_splits(shared_data / "sky_timelapse", "skytimelapse")
    assert [len(splits.training), len(splits.validation)] == [40, 9]
    assert all(entry.path.is_dir() and entry.path.parents[1].name == "sky_train" for entry in splits.training)
