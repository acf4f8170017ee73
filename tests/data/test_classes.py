"""A folder for each class, with and without folders for the splits."""

import pytest
from data.small_layouts import touch

from pvdm.data import Entry, SplitOptions, find_splits, split_by_file
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


@pytest.mark.parametrize("names", [["a/1.mp4", "lost.mp4"], ["frames/f_1.jpg"]])
def test_a_video_without_a_class_is_named(tmp_path, names):
    touch(tmp_path, *names)
    with pytest.raises(InputError, match=r"(lost.mp4|frames) lies in no class folder; move it into one, or"):
        find_splits(tmp_path, "classes")


def test_the_real_folders(shared_data):
    splits = find_splits(shared_data / "UCF-101", "classes")
    assert len(splits.classes) == 21 and len(splits.entries) == 150
