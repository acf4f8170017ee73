"""A folder for each class, with and without folders for the splits."""

import pytest
from data.small_layouts import touch

from pvdm.data import Entry, SplitFolders, SplitOptions, find_splits, split_by_file
from pvdm.errors import InputError


def test_classes_are_folders_in_the_order_of_their_names(tmp_path):
    names = [f"{name}/{number}.mp4" for name in ("jump", "dance", "run") for number in range(8)]
    paths = touch(tmp_path, *names, "dance/deeper/x.mp4", "run/frames/f_1.jpg", "empty/notes.txt")
    splits = find_splits(tmp_path, "classes", SplitOptions(validation_fraction=0.3, seed=2))
    assert splits.classes == ("dance", "jump", "run")
    for entry in splits.entries:
        assert splits.classes[entry.label] == entry.path.relative_to(tmp_path).parts[0]
    videos = [*paths[:-2], tmp_path / "run/frames"]
    expected = split_by_file(videos, tmp_path, validation_fraction=0.3, seed=2)
    assert ([entry.path for entry in splits.training], [entry.path for entry in splits.validation]) == expected


def test_both_parts_number_the_classes_alike(tmp_path):
    touch(tmp_path, "train/b/1.mp4", "train/c/2.mp4", "val/a/3.mp4", "val/c/4.mp4")
    splits = find_splits(tmp_path, "classes")
    assert splits.classes == ("a", "b", "c")
    assert splits.training == [Entry(tmp_path / "train/b/1.mp4", 1), Entry(tmp_path / "train/c/2.mp4", 2)]
    assert splits.validation == [Entry(tmp_path / "val/a/3.mp4", 0), Entry(tmp_path / "val/c/4.mp4", 2)]


def test_videos_beside_the_class_folders_have_no_label(tmp_path):
    touch(tmp_path, "train/b/1.mp4", "train/2.mp4", "train/Unlabeled/x/3.mp4", "train/still/f_1.jpg", "val/a/4.mp4")
    splits = find_splits(tmp_path, "classes")
    assert splits.classes == ("a", "b")
    labels = {entry.path.relative_to(tmp_path).as_posix(): entry.label for entry in splits.entries}
    wanted = {"train/2.mp4": None, "train/Unlabeled/x/3.mp4": None, "train/still": None}
    assert labels == {"train/b/1.mp4": 1, "val/a/4.mp4": 0, **wanted}
    (note,) = [note for note in splits.notes if "label" in note]
    assert note.startswith("3 of 5 videos lie in no class folder and have no label, such as ")


def test_a_folder_of_its_own_may_hold_what_has_no_label(tmp_path):
    touch(tmp_path, "train/b/1.mp4", "val/b/2.mp4", "unlabelled/3.mp4")
    folders = SplitFolders(["train", "unlabelled"], ["val"])
    splits = find_splits(tmp_path, "classes", SplitOptions(folders=folders))
    assert [entry.label for entry in splits.training] == [0, None] and splits.classes == ("b",)


@pytest.mark.parametrize("names", [["lost.mp4", "unlabeled/2.mp4"], ["frames/f_1.jpg"]])
def test_videos_that_all_lie_in_no_class_are_refused(tmp_path, names):
    touch(tmp_path, *names)
    with pytest.raises(InputError, match=r"none of the \d videos of .* in a class folder .*(mp4|frames)\); move those"):
        find_splits(tmp_path, "classes")


def test_the_real_folders(shared_data):
    splits = find_splits(shared_data / "UCF-101", "classes")
    assert len(splits.classes) == 21 and len(splits.entries) == 150
