"""Videos are found at any depth, and a split depends on names and seed alone."""

import os
from pathlib import Path

import numpy as np
import pytest
from data.small_layouts import touch

from pvdm.data import Entry, SplitOptions, Splits, find_splits, find_videos, split_by_file
from pvdm.data.layouts.folder import scan_folder
from pvdm.errors import InputError


def names(count: int) -> list[str]:
    return [f"{i % 7}/clip_{i}.mp4" for i in range(count)]


def test_finds_files_and_frame_folders(tmp_path):
    touch(tmp_path, "b.mp4", "deep/er/a.AVI", "frames/1/x_1.jpg", "frames/1/x_2.jpg", "frames/2/y.png")
    touch(tmp_path, "notes.txt", ".hidden/c.mp4", "deep/er/thumbnail.jpg", "._b.mp4")
    found = [path.relative_to(tmp_path).as_posix() for path in find_videos(tmp_path)]
    assert found == ["b.mp4", "deep/er/a.AVI", "frames/1", "frames/2"]


def test_links_are_followed_once(tmp_path):
    touch(tmp_path, "data/real/a.mp4")
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "link").symlink_to(tmp_path / "data", target_is_directory=True)
    (tmp_path / "data" / "loop").symlink_to(tmp_path / "data", target_is_directory=True)
    assert find_videos(tmp_path / "root") == [tmp_path / "root" / "link" / "real" / "a.mp4"]


def test_errors(tmp_path):
    (path,) = touch(tmp_path, "a.txt")
    for root, message in (
        (tmp_path / "absent", "the folder .*absent does not exist; give the folder"),
        (path, "is a file; give the folder"),
        (tmp_path, "holds no videos; put video files"),
    ):
        with pytest.raises(InputError, match=message):
            find_videos(root)
        with pytest.raises(InputError, match=message):
            find_splits(root)


def test_a_folder_that_cannot_be_read_is_not_left_out(tmp_path, monkeypatch):
    def scan(folder):
        if str(folder).endswith("locked"):
            raise PermissionError(13, "Permission denied", str(folder))
        return scandir(folder)

    for name in ("open", "locked"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.mp4").touch()
    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", scan)
    with pytest.raises(InputError, match=r"locked cannot be read \(Permission denied\); fix its permissions, or move"):
        find_videos(tmp_path)


def test_split_is_a_partition_of_about_the_fraction(tmp_path):
    paths = [tmp_path / name for name in names(500)]
    train, validation = split_by_file(paths, tmp_path, validation_fraction=0.2)
    assert sorted(train + validation) == sorted(paths)
    assert 70 <= len(validation) <= 130


def test_split_depends_on_names_and_seed_alone():
    here, there = Path("/here"), Path("/there/else")
    _, first = split_by_file([here / name for name in names(100)], here, seed=3)
    _, second = split_by_file([there / name for name in reversed(names(100))], there, seed=3)
    _, other_seed = split_by_file([here / name for name in names(100)], here, seed=4)
    assert [path.relative_to(here) for path in first] == [path.relative_to(there) for path in second]
    assert first != other_seed


def test_new_files_do_not_move_old_ones(tmp_path):
    paths = [tmp_path / name for name in names(200)]
    _, before = split_by_file(paths[:150], tmp_path)
    _, after = split_by_file(paths, tmp_path)
    assert set(before) == set(after) & set(paths[:150])


@pytest.mark.parametrize("fraction", [0.001, 0.999])
@pytest.mark.parametrize("count", [2, 3, 10])
def test_both_parts_have_a_video(tmp_path, count, fraction):
    splits = split_by_file([tmp_path / name for name in names(count)], tmp_path, validation_fraction=fraction)
    assert all(splits)


def test_no_validation_and_single_video(tmp_path):
    paths = [tmp_path / name for name in names(10)]
    assert split_by_file(paths, tmp_path, validation_fraction=0) == (sorted(paths), [])
    assert split_by_file(paths[:1], tmp_path, validation_fraction=0.9) == (paths[:1], [])
    with pytest.raises(InputError, match=r"fraction is 1; give a number in \[0, 1\)"):
        split_by_file(paths, tmp_path, validation_fraction=1)


@pytest.mark.parametrize("name", ["val", "validation", "test"])
def test_sub_folders_are_the_split(tmp_path, name):
    train, validation = touch(tmp_path, "train/a.mp4", f"{name}/b.mp4")
    assert find_splits(tmp_path) == Splits([Entry(train)], [Entry(validation)])


def test_val_goes_before_test(tmp_path):
    touch(tmp_path, "train/a.mp4", "test/b.mp4", "val/c.mp4")
    assert find_splits(tmp_path).validation == [Entry(tmp_path / "val" / "c.mp4")]


def test_without_sub_folders_files_are_divided(tmp_path):
    paths = touch(tmp_path, *names(40), "trains/x.mp4")
    splits = find_splits(tmp_path, options=SplitOptions(validation_fraction=0.3, seed=1))
    expected = split_by_file(paths, tmp_path, validation_fraction=0.3, seed=1)
    assert splits == Splits(*([Entry(path) for path in split] for split in expected))


@pytest.mark.parametrize(("part", "names"), [("train", "ab"), ("test", "c"), ("both", "abc")])
def test_training_takes_the_part_asked_for_and_validation_its_own(tmp_path, part, names):
    touch(tmp_path, "train/a.mp4", "train/b.mp4", "test/c.mp4")
    splits = find_splits(tmp_path).train_on(part)
    assert "".join(entry.path.stem for entry in splits.training) == names
    assert [entry.path.stem for entry in splits.validation] == ["c"]
    assert sorted(entry.path.stem for entry in splits.entries) == sorted({*names, "c"})


def test_real_layouts(shared_data):
    assert len(find_videos(shared_data / "UCF-101")) == 150
    sky = find_videos(shared_data / "sky_timelapse")
    assert len(sky) == 49 and all(path.is_dir() for path in sky)


@pytest.mark.parametrize("places", [("clip", "clip"), ("", "poses")])
def test_arrays_beside_frames_or_files_are_no_videos(tmp_path, make_frame_folder, places):
    """Wherever they lie: in the folder of the frames, above it, or in one of their own."""
    make_frame_folder("clip", frames=3)
    for name, place in zip(("depth", "path"), places, strict=True):
        (tmp_path / place).mkdir(exist_ok=True)
        np.save(tmp_path / place / f"{name}.npy", np.zeros((3, 16, 16), np.float32))
    assert find_videos(tmp_path) == [tmp_path / "clip"]
    (video,) = touch(tmp_path, "videos/a.mp4")
    for number in range(9):
        touch(tmp_path, f"poses/{number}.npz")
    found = scan_folder(tmp_path)
    assert found.videos == [tmp_path / "clip", video] and found.beside == {".npy": 2, ".npz": 9}


def test_arrays_are_videos_where_pictures_are_fewer(tmp_path):
    arrays = touch(tmp_path, "a/1.npy", "a/2.npz", "b/3.npy")
    touch(tmp_path, "a/overview.png", "b/overview.png")
    assert find_videos(tmp_path) == arrays
