"""A process that waits elsewhere ends when another one does, and not before all are done if that is in order."""

from __future__ import annotations

import os
import sys
from datetime import timedelta
from pathlib import Path
from threading import Event

import pytest
from pairs import PATIENCE, run_two
from torch import distributed

from pvdm.training.run import lost_processes
from pvdm.training.run.lost_processes import watch

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are forked")


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    monkeypatch.setattr(lost_processes, "GRACE", 0.2)


def waits_for_the_lost(rank: int) -> None:
    watch()
    if rank == 1:
        os._exit(1)
    Event().wait(2 * PATIENCE)  # as a call that never returns


def leaves_with_an_error(rank: int) -> None:
    watching = watch()
    if rank == 1:
        watching.leave()
        assert not watching._thread.is_alive()
        os._exit(3)
    Event().wait(2 * PATIENCE)


def is_done_when_the_other_goes(rank: int) -> None:
    watching = watch()
    watching.done.set()
    distributed.barrier()
    if rank == 0:  # outlives the other
        watching._thread.join()
        Event().wait(3 * lost_processes.GRACE)


def does_not_wait_for_one_that_never_comes(rank: int) -> None:
    if rank == 1:
        Event().wait(1.5)
    else:
        lost_processes.CONNECTING = timedelta(seconds=0.5)
        assert watch() is None


def ends_in_order(rank: int) -> None:
    watching = watch()
    if rank == 1:
        Event().wait(3 * lost_processes.GRACE)  # while the first waits in `end`
        Path(os.environ["LATE"]).touch()
    watching.end()
    assert Path(os.environ["LATE"]).exists()


@pytest.mark.parametrize(
    ("function", "statuses"),
    [
        (waits_for_the_lost, [2, 1]),
        (leaves_with_an_error, [2, 3]),
        (is_done_when_the_other_goes, [0, 0]),
        (does_not_wait_for_one_that_never_comes, [0, 0]),
        (ends_in_order, [0, 0]),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_two_processes(function, statuses, monkeypatch, tmp_path):
    monkeypatch.setenv("LATE", str(tmp_path / "late"))
    assert run_two(function) == statuses
