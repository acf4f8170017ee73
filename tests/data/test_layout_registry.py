"""Published layouts are recognized and said, or asked about; classes are not guessed."""

import shutil
from typing import get_args

import pytest
from data.small_layouts import CLASSES, clip_name, touch, write_lists

from pvdm.data import Entry, Layout, SplitFolders, SplitOptions, Splits, find_splits, layout_of
from pvdm.data.layouts.layout_registry import LAYOUTS, KnownLayout
from pvdm.errors import InputError

NAMES = [clip_name(label, group) for label in range(3) for group in (1, 2, 3, 4)]


@pytest.fixture
def ucf101(tmp_path):
    """`UCF-101` with its lists beside it, and a folder of other videos."""
    touch(tmp_path / "UCF-101", *NAMES)
    touch(tmp_path / "others", "a.mp4", "b.mp4")
    write_lists(tmp_path / "ucfTrainTestlist")
    return tmp_path / "UCF-101"


@pytest.mark.parametrize("place", ["beside", "inside", "above", "beside a link", "of another name"])
def test_ucf101_is_recognized_by_its_lists(ucf101, tmp_path, place):
    root = tmp_path if place == "above" else ucf101
    if place == "inside":
        shutil.move(tmp_path / "ucfTrainTestlist", ucf101)
    elif place == "beside a link":
        (tmp_path / "elsewhere").mkdir()
        root = tmp_path / "elsewhere" / "link"
        root.symlink_to(ucf101, target_is_directory=True)
    elif place == "of another name":
        root = ucf101.rename(tmp_path / "videos")
    found = find_splits(root, "auto", SplitOptions(split=2))
    assert found.layout == layout_of(root) == "ucf101"
    assert [entry.path.stem[-7:-4] for entry in found.validation] == ["g02"] * 3 and found.classes == CLASSES
    assert found.notes[0].startswith(
        "recognized as ucf101, split by its official lists of split 2 (--data.layout folder"
    )


def test_others_beside_the_lists_are_not_ucf101(ucf101, tmp_path):
    assert layout_of(tmp_path / "others") == find_splits(tmp_path / "others", "auto").layout == "folder"


def test_a_layout_that_is_given_is_kept(ucf101):
    found = find_splits(ucf101, "folder")
    assert found.layout == "folder" and found.notes == () and len(found.entries) == 12
    assert find_splits(ucf101, "classes").layout == "classes"


def test_ucf101_without_its_lists_is_asked_about(ucf101, tmp_path):
    shutil.rmtree(tmp_path / "ucfTrainTestlist")
    for root in (ucf101, ucf101 / CLASSES[0], tmp_path):
        with pytest.raises(
            InputError, match=r"holds videos of UCF101, and its official lists \(ucfTrainTestlist\) are"
        ):
            find_splits(root, "auto")
    assert find_splits(ucf101, "folder").layout == "folder"
    assert len(find_splits(ucf101, "auto", SplitOptions(folders=SplitFolders())).entries) == 12
    shutil.move(ucf101 / CLASSES[0], tmp_path / "split" / "train" / CLASSES[0])
    shutil.move(ucf101 / CLASSES[1], tmp_path / "split" / "test" / CLASSES[1])
    assert len(find_splits(tmp_path / "split", "auto").training) == 4  # its own division


def test_videos_that_no_list_names_are_said(ucf101):
    touch(ucf101, f"{CLASSES[0]}/v_{CLASSES[0]}_g09_c01.avi", f"{CLASSES[0]}/own.MP4", f"{CLASSES[1]}/notes.txt")
    found = find_splits(ucf101, "auto")
    assert found.left_out == {".mp4": 1, ".avi": 1} and len(found.entries) == 12
    assert found.notes[1].startswith("2 videos are in no list and left out, such as ")


def test_skytimelapse_is_recognized(tmp_path):
    touch(tmp_path, "sky_train/a/a_1/f_1.jpg", "sky_test/b/b_1/f_1.jpg", "sky_train/c/c_1/f_1.jpg")
    found = find_splits(tmp_path, "auto")
    assert found.layout == "skytimelapse" and [len(found.training), len(found.validation)] == [2, 1]
    assert found.notes == (
        "recognized as skytimelapse, split by its folders (--data.layout folder treats it as any folder)",
    )


def test_classes_are_not_guessed_and_that_is_said(tmp_path):
    touch(tmp_path, *(f"{name}/{number}.mp4" for name in ("run", "jump", "sit", "dance") for number in range(3)))
    found = find_splits(tmp_path, "auto")
    assert found.classes is None and found.layout == "folder"
    assert found.notes == (
        "its 4 folders (dance, jump, run, ...) are not taken for classes (--data.layout classes would)",
    )
    touch(tmp_path, "loose.mp4")
    assert find_splits(tmp_path, "auto").notes == ()


def test_folders_are_for_layouts_without_splits_of_their_own(ucf101):
    with pytest.raises(InputError, match=r"layout ucf101 defines its own splits; leave out data.training_folders"):
        find_splits(ucf101, "ucf101", SplitOptions(folders=SplitFolders(validation=["x"])))


def test_a_layout_is_a_function_and_a_line_of_the_table(tmp_path, monkeypatch):
    """What the docstring of the registry says is all that there is to do."""
    assert tuple(LAYOUTS) == get_args(Layout)

    def find_mine(root, options):
        return Splits([Entry(root / "a.mp4")], [Entry(root / "b.mp4")])

    mine = KnownLayout(find_mine, lambda root: (root / "mine.txt").is_file(), "its list")
    monkeypatch.setitem(LAYOUTS, "mine", mine)
    touch(tmp_path, "mine.txt")
    assert find_splits(tmp_path, "mine").layout == layout_of(tmp_path) == "mine"
    assert find_splits(tmp_path, "auto").notes[0].startswith("recognized as mine, split by its list (--data.layout")
    with pytest.raises(InputError, match="layout mine defines its own splits"):
        find_splits(tmp_path, "mine", SplitOptions(folders=SplitFolders()))
