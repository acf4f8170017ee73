"""UCF101 as it is published: lists with CRLF, three splits, and files that are not there."""

import pytest
from data.small_layouts import CLASSES, clip_name, touch, write_lists

from pvdm.data import Entry, SplitOptions, find_splits
from pvdm.errors import InputError

ALL = [(label, group) for label in range(3) for group in (1, 2, 3, 4)]


@pytest.fixture
def root(tmp_path):
    """All twelve videos, the lists inside the folder of the classes."""
    write_lists(tmp_path / "UCF" / "ucfTrainTestlist")
    touch(tmp_path / "UCF", *(clip_name(*which) for which in ALL), "Archery/notes.txt")
    return tmp_path / "UCF"


@pytest.mark.parametrize("split", [1, 2, 3])
def test_a_split_is_what_its_lists_say(root, split):
    splits = find_splits(root, "ucf101", SplitOptions(split=split))
    assert splits.classes == CLASSES
    assert splits.validation == [Entry(root / clip_name(label, split), label) for label in range(3)]
    assert splits.training == [Entry(root / clip_name(*which), which[0]) for which in ALL if which[1] != split]
    assert (splits.absent, splits.listed) == ((), 12)


def test_line_ends_of_any_system_are_the_same(root):
    expected = find_splits(root, "ucf101")
    write_lists(root / "ucfTrainTestlist", newline="\n")
    assert find_splits(root, "ucf101") == expected


def test_the_lists_may_lie_beside_the_videos(root, tmp_path, monkeypatch):
    inside = find_splits(root, "ucf101", SplitOptions(split=2))
    (root / "ucfTrainTestlist").rename(tmp_path / "ucfTrainTestlist")
    assert find_splits(root, "ucf101", SplitOptions(split=2)) == inside
    monkeypatch.chdir(root)
    assert [entry.path.resolve() for entry in find_splits(".", "ucf101", SplitOptions(split=2)).training] == [
        entry.path for entry in inside.training
    ]
    root.rename(tmp_path / "UCF-101")  # and then the folder of both will do
    assert find_splits(tmp_path, "ucf101", SplitOptions(split=2)) == find_splits(
        tmp_path / "UCF-101", "ucf101", SplitOptions(split=2)
    )


def test_absent_files_are_counted(root):
    gone = [root / clip_name(0, 1), root / clip_name(2, 3)]
    for path in gone:
        path.unlink()
    splits = find_splits(root, "ucf101")
    assert (set(splits.absent), splits.listed) == (set(gone), 12)
    assert [len(splits.training), len(splits.validation)] == [8, 2]
    assert splits.classes == CLASSES


def test_none_there_is_an_error(tmp_path):
    write_lists(tmp_path / "ucfTrainTestlist")
    with pytest.raises(InputError, match=r"none of the 12 videos that .*ucfTrainTestlist lists is in .*such as Apply"):
        find_splits(tmp_path, "ucf101")


def test_missing_lists_are_named(root):
    (root / "ucfTrainTestlist" / "trainlist02.txt").unlink()
    with pytest.raises(InputError, match=r"there is no list .*trainlist02.txt; put the official lists"):
        find_splits(root, "ucf101", SplitOptions(split=2))
    (root / "ucfTrainTestlist").rename(root / "lists")
    with pytest.raises(InputError, match=r"no folder ucfTrainTestlist in .*UCF or beside it; put .*layout classes"):
        find_splits(root, "ucf101")
    with pytest.raises(InputError, match="does not exist; give the folder"):
        find_splits(root / "none", "ucf101")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("classInd.txt", "1 A\n3 B\n", r"line 2 of .*classInd.txt is '3 B', where 2 and the name of a class"),
        ("classInd.txt", "1 A\n2 A\n", r"line 2 of .*classInd.txt is '2 A'"),
        ("trainlist01.txt", "\nDancing/v_x.avi 1\n", r"line 2 of .*trainlist01.txt is 'Dancing/v_x.avi 1', where <cl"),
        ("testlist01.txt", "v_x.avi\n", r"line 1 of .*testlist01.txt is 'v_x.avi'"),
    ],
)
def test_lists_that_are_not_understood_are_told_by_line(root, name, text, message):
    (root / "ucfTrainTestlist" / name).write_text(text)
    with pytest.raises(InputError, match=message):
        find_splits(root, "ucf101")


def test_a_list_that_is_no_text(root):
    (root / "ucfTrainTestlist" / "testlist01.txt").write_bytes(b"\xff\xfe\x00\x81" * 20)
    with pytest.raises(InputError, match=r"testlist01.txt cannot be read as a list .*; replace it"):
        find_splits(root, "ucf101")


@pytest.mark.parametrize("split", [1, 2, 3])
def test_the_real_lists(shared_data, split):
    """A video's class is in its name; the two splits are disjoint and share no group (Soomro et al., section 3)."""
    splits = find_splits(shared_data / "UCF-101", "ucf101", SplitOptions(split=split))
    assert len(splits.classes) == 101 and splits.listed == 13320
    assert len(splits.entries) == len(splits.training) + len(splits.validation) == 150
    assert len(splits.absent) == 13170
    groups = []
    for part in (splits.training, splits.validation):
        names = [entry.path.stem.split("_") for entry in part]
        assert [name[1] for name in names] == [splits.classes[entry.label] for entry in part]
        groups.append({(name[1], name[2]) for name in names})
    assert not groups[0] & groups[1]
