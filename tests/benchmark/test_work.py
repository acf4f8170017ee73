"""What is stored comes back, whole and for its own key alone; other people's folders are left alone."""

import json

import numpy as np
import pytest

from pvdm.benchmark.work import MARK, Work
from pvdm.errors import InputError

KEY = {"model": "a", "data": {"dataset": "ucf101"}, "settings": {"seed": 0}}
ROWS = {"features": np.arange(6.0).reshape(2, 3), "names with / and spaces": np.zeros((2, 0))}


@pytest.fixture
def work(tmp_path):
    work = Work(tmp_path / "report", KEY)
    work.claim()
    return work


def test_values_and_arrays_come_back(work):
    work.store("task", {"figures": [1.5, None]})
    work.store_arrays("samples/000001", ROWS, {"detector": "i3d"})
    assert work.load("task") == {"figures": [1.5, None]}
    found = work.load_arrays("samples/000001", {"detector": "i3d"})
    assert found.keys() == ROWS.keys()
    for name in ROWS:
        np.testing.assert_array_equal(found[name], ROWS[name])


def test_what_was_stored_for_another_key_is_absent(work):
    work.store("task", 1, {"detector": "i3d"})
    work.store_arrays("rows", ROWS, {"detector": "i3d"})
    assert work.load("task", {"detector": "c3d"}) is None and work.load_arrays("rows", {"detector": "c3d"}) is None
    assert work.load("none") is None and work.load_arrays("none") is None


@pytest.mark.parametrize("kept", [0, 10, -20])
def test_a_damaged_file_is_absent(work, kept):
    work.store("task", list(range(50)))
    work.store_arrays("rows", ROWS)
    for path in (work.report / "work" / "task.json", work.report / "work" / "rows.npz"):
        path.write_bytes(path.read_bytes()[:kept])
    assert work.load("task") is None and work.load_arrays("rows") is None


def test_the_same_benchmark_goes_on_with_what_is_there(work):
    work.store("task", 1)
    again = Work(work.report, json.loads(json.dumps(KEY)))
    again.claim()
    again.claim(overwrite=True)
    assert again.load("task") == 1


@pytest.mark.parametrize(
    ("change", "named"),
    [({"model": "b"}, "model"), ({"settings": {"seed": 1}}, "settings"), ({"data": {}, "model": "b"}, "model, data")],
)
def test_another_benchmark_is_refused_until_it_may_be_overwritten(work, change, named):
    work.store("task", 1)
    other = Work(work.report, {**KEY, **change})
    with pytest.raises(InputError, match=f"holds a benchmark of other {named}; pass --overwrite to begin anew"):
        other.claim()
    assert work.load("task") == 1
    other.claim(overwrite=True)
    assert other.load("task") is None and json.loads((work.report / MARK).read_text()) == other.key


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_of_something_else_is_left_alone(tmp_path, overwrite):
    (tmp_path / "notes.txt").write_text("precious")
    with pytest.raises(InputError, match=r"exists already; pass --overwrite|holds notes.txt, which would be lost"):
        Work(tmp_path, KEY).claim(overwrite=overwrite)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_an_empty_folder_is_taken(tmp_path):
    Work(tmp_path, KEY).claim()
    assert (tmp_path / MARK).is_file()


def test_output_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        Work(tmp_path / "file" / "report", KEY).claim()
