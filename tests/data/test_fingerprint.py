"""A data set is known again by its files wherever they lie, and another one is not taken for it."""

import shutil
from pathlib import Path

import pytest

from pvdm.data import description as module
from pvdm.data.description import DIGITS, fingerprint, known_share


def files(folder: Path, count: int, *, word: str = "clip") -> list[Path]:
    folder.mkdir(parents=True)
    for number in range(count):
        (folder / f"{number}.mp4").write_text(f"{word} {number}")
    return sorted(folder.iterdir())


@pytest.fixture(params=[512, 10])
def most(request, monkeypatch) -> int:
    """Files that a fingerprint holds: all of these data sets, or some."""
    monkeypatch.setattr(module, "MOST", request.param)
    return request.param


def test_the_same_files_are_known_at_another_path_and_others_of_their_names_are_not(tmp_path, most):
    marks = fingerprint(files(tmp_path / "a", 40))
    assert len(marks) == min(most, 40) * 2 * DIGITS
    shutil.copytree(tmp_path / "a", tmp_path / "deep" / "b")
    moved = sorted((tmp_path / "deep" / "b").iterdir())
    assert known_share(marks, moved) == 1
    assert known_share(marks, files(tmp_path / "c", 40, word="other")) == 0
    assert fingerprint(reversed(moved)) == marks


def test_a_part_of_the_files_and_more_than_them_are_told_apart(tmp_path, most):
    whole, more = files(tmp_path / "a", 200), files(tmp_path / "b", 600, word="clip")
    assert known_share(fingerprint(whole), whole[::3]) in (1, None)
    assert known_share(fingerprint(whole), more) == pytest.approx(1 / 3, abs=0.25)


def test_nothing_is_said_where_nothing_can_be_compared(tmp_path, monkeypatch):
    assert known_share("", files(tmp_path / "a", 3)) is None
    assert known_share(fingerprint([]), [tmp_path]) is None
    monkeypatch.setattr(module, "MOST", 1)
    whole = files(tmp_path / "b", 300)
    marks = fingerprint(whole)
    chosen = next(path for path in whole if fingerprint([path]) == marks)
    assert known_share(marks, [path for path in whole if path != chosen][:5]) is None


def test_folders_of_frames_are_known_by_their_first_frame_and_what_cannot_be_read_is_no_error(tmp_path):
    files(tmp_path / "a" / "video", 3)
    files(tmp_path / "b" / "video", 3)
    files(tmp_path / "c" / "video", 3, word="other")
    (tmp_path / "d").mkdir()
    marks = fingerprint([tmp_path / "a" / "video"])
    shares = [known_share(marks, [tmp_path / name / "video"]) for name in "bc"]
    assert shares == [1, 0]
    assert known_share(fingerprint([tmp_path / "d", tmp_path / "gone.mp4"]), [tmp_path / "d"]) == 1
