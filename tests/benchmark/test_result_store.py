"""What is stored comes back, whole and for its own key alone; other people's folders are left alone."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from pvdm.benchmark.result_store import MARK, ResultStore, rows_of
from pvdm.errors import InputError
from pvdm.runtime.processes import Processes

KEY = {"model": "a", "data": {"dataset": "ucf101"}, "settings": {"seed": 0}}
ROWS = {"features": np.arange(6.0).reshape(2, 3), "names with / and spaces": np.zeros((2, 0))}


@pytest.fixture
def store(tmp_path):
    store = ResultStore(tmp_path / "report", KEY)
    store.claim()
    return store


def test_values_and_arrays_come_back(store):
    store.store("task", {"figures": [1.5, None]})
    store.store_arrays("samples/000001", ROWS, {"detector": "i3d"})
    assert store.load("task") == {"figures": [1.5, None]}
    found = store.load_arrays("samples/000001", {"detector": "i3d"})
    assert found.keys() == ROWS.keys()
    for name in ROWS:
        np.testing.assert_array_equal(found[name], ROWS[name])


def test_what_was_stored_for_another_key_is_absent(store):
    store.store("task", 1, {"detector": "i3d"})
    store.store_arrays("rows", ROWS, {"detector": "i3d"})
    assert store.load("task", {"detector": "c3d"}) is None and store.load_arrays("rows", {"detector": "c3d"}) is None
    assert store.load("none") is None and store.load_arrays("none") is None


@pytest.mark.parametrize("kept", [0, 10, -20])
def test_a_damaged_file_is_absent(store, kept):
    store.store("task", list(range(50)))
    store.store_arrays("rows", ROWS)
    for path in (store.report / "work" / "task.json", store.report / "work" / "rows.npz"):
        path.write_bytes(path.read_bytes()[:kept])
    assert store.load("task") is None and store.load_arrays("rows") is None


def test_the_same_benchmark_goes_on_with_what_is_there(store):
    store.store("task", 1)
    again = ResultStore(store.report, json.loads(json.dumps(KEY)))
    again.claim()
    again.claim(overwrite=True)
    assert again.load("task") == 1


@pytest.mark.parametrize(
    ("change", "named"),
    [({"model": "b"}, "model"), ({"settings": {"seed": 1}}, "settings"), ({"data": {}, "model": "b"}, "model, data")],
)
def test_another_benchmark_is_refused_until_it_may_be_overwritten(store, change, named):
    store.store("task", 1)
    other = ResultStore(store.report, {**KEY, **change})
    with pytest.raises(InputError, match=f"holds a benchmark of other {named}; pass --overwrite to start anew"):
        other.claim()
    assert store.load("task") == 1
    other.claim(overwrite=True)
    assert other.load("task") is None and json.loads((store.report / MARK).read_text()) == other.key


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_of_something_else_is_left_alone(tmp_path, overwrite):
    (tmp_path / "notes.txt").write_text("precious")
    with pytest.raises(InputError, match=r"exists already; pass --overwrite|holds notes.txt, which would be lost"):
        ResultStore(tmp_path, KEY).claim(overwrite=overwrite)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_an_empty_folder_is_taken(tmp_path):
    ResultStore(tmp_path, KEY).claim()
    assert (tmp_path / MARK).is_file()


def test_output_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        ResultStore(tmp_path / "file" / "report", KEY).claim()


class Group(Processes):
    """One of two processes, of which the other has done nothing yet."""

    def gather(self, value):
        return [value] * self.size

    def barrier(self):
        pass


@pytest.fixture
def squares(tmp_path):
    """`squares(size=1, key=None, count=7)` -> a call of `rows_of`, and the batches that it measures."""

    def make(*, size=1, key=None, count=7):
        batches = []

        def measured(numbers):
            batches.append(list(numbers))
            return {"square": np.array([n**2 for n in numbers]), "pair": np.array([[n, -n] for n in numbers])}

        plan = SimpleNamespace(batch_size=3)
        context = SimpleNamespace(plan=plan, store=ResultStore(tmp_path, {}), processes=Group(0, size))
        context.alone = lambda action: action(context)
        return lambda: rows_of(context, "squares", count, measured, key=key), batches

    return make


def test_rows_are_by_number_and_measured_once(squares, tmp_path):
    run, batches = squares()
    rows = run()
    assert batches == [[0, 1, 2], [3, 4, 5], [6]]
    assert rows["square"].tolist() == [n**2 for n in range(7)]
    assert rows["pair"].tolist() == [[n, -n] for n in range(7)]

    (tmp_path / "work" / "squares" / "000001.npz").unlink()
    again, batches = squares()
    assert again()["square"].tolist() == rows["square"].tolist()
    assert batches == [[3, 4, 5]]


def test_rows_of_another_key_are_measured_anew(squares):
    squares(key={"detector": "a"})[0]()
    run, batches = squares(key={"detector": "b"})
    run()
    assert len(batches) == 3


def test_a_process_does_its_share_and_says_where_the_others_is_not(squares):
    run, batches = squares(size=2)
    with pytest.raises(
        InputError, match=r"a part of squares that another process has made is not in .*; give an --output"
    ):
        run()
    assert batches == [[0, 1, 2], [6]]


def test_no_clips(squares):
    run, batches = squares(count=0)
    assert run() == {} and batches == []
