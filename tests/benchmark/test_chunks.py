"""Chunks: each clip is measured once, in the same company, and only what is missing is measured again."""

from types import SimpleNamespace

import numpy as np
import pytest

from pvdm.benchmark.chunks import Chunked
from pvdm.benchmark.work import Work
from pvdm.errors import InputError
from pvdm.runtime.processes import Processes


class Group(Processes):
    """One of two processes, of which the other has done nothing yet."""

    def gather(self, value):
        return [value] * self.size

    def barrier(self):
        pass


@pytest.fixture
def chunked(tmp_path):
    """`chunked(size=1, key=None)` -> the work, the batches that were measured, and the ticks."""

    def make(*, size=1, key=None, count=7):
        batches, ticks = [], []

        def measured(numbers):
            batches.append(list(numbers))
            return {"square": np.array([n**2 for n in numbers]), "pair": np.array([[n, -n] for n in numbers])}

        bench = SimpleNamespace(
            plan=SimpleNamespace(batch_size=3), work=Work(tmp_path, {}), processes=Group(0, size), tick=ticks.append
        )
        bench.alone = lambda action: action(bench)
        return Chunked(bench, "squares", count, measured, key, cost=30.0), batches, ticks

    return make


def test_rows_are_by_number_and_measured_once(chunked, tmp_path):
    work, batches, ticks = chunked()
    rows = work.run()
    assert batches == [[0, 1, 2], [3, 4, 5], [6]]
    assert rows["square"].tolist() == [n**2 for n in range(7)]
    assert rows["pair"].tolist() == [[n, -n] for n in range(7)]
    assert sum(ticks) == pytest.approx(30)

    (tmp_path / "work" / "squares" / "000001.npz").unlink()
    again, batches, ticks = chunked()
    assert again.run()["square"].tolist() == rows["square"].tolist()
    assert batches == [[3, 4, 5]] and sum(ticks) == pytest.approx(30)


def test_another_key_is_measured_anew(chunked):
    chunked(key={"detector": "a"})[0].run()
    work, batches, _ = chunked(key={"detector": "b"})
    work.run()
    assert len(batches) == 3


def test_a_process_does_its_share_and_says_where_the_others_is_not(chunked, tmp_path):
    work, batches, _ = chunked(size=2)
    with pytest.raises(
        InputError, match=r"a part of squares that another process has made is not in .*; give an --output"
    ):
        work.run()
    assert batches == [[0, 1, 2], [6]]


def test_no_clips(chunked):
    work, batches, _ = chunked(count=0)
    assert work.run() == {} and batches == []
