"""A process that waits elsewhere ends when another one does, and not before all are done if that is in order."""

from __future__ import annotations

import multiprocessing
import os
import socket
import sys
import time
from datetime import timedelta

import pytest
from torch import distributed

from pvdm.training import lost_processes
from pvdm.training.lost_processes import watch

PATIENCE = 60

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are forked")


def run_two(function) -> list[int]:
    """Exit statuses of two processes that are connected and call `function(rank)`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=connected, args=(function, address, rank), daemon=True) for rank in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(PATIENCE)
    statuses = [process.exitcode for process in processes]
    assert None not in statuses, "a process hangs"
    return statuses


def connected(function, address: str, rank: int) -> None:
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    lost_processes.GRACE, timeout = 0.2, timedelta(seconds=PATIENCE)
    distributed.init_process_group("gloo", init_method=address, rank=rank, world_size=2, timeout=timeout)
    function(rank)
    os._exit(0)


def waits_for_the_lost(rank: int) -> None:
    watch()
    if rank == 1:
        os._exit(1)
    time.sleep(2 * PATIENCE)  # as in a call that never returns


def is_done_when_the_other_goes(rank: int) -> None:
    watching = watch()
    watching.done.set()
    distributed.barrier()
    if rank == 0:  # after the other, and longer than is waited for the lost
        watching._thread.join()
        time.sleep(3 * lost_processes.GRACE)


def ends_in_order(rank: int) -> None:
    watching, start = watch(), time.monotonic()
    if rank == 1:
        time.sleep(4 * lost_processes.GRACE)
    watching.end()
    assert time.monotonic() - start > 3 * lost_processes.GRACE  # neither goes before the other is done


@pytest.mark.parametrize(
    ("function", "statuses"), [(waits_for_the_lost, [2, 1]), (is_done_when_the_other_goes, [0, 0]), (ends_in_order, [0, 0])]
)
def test_two_processes(function, statuses):
    assert run_two(function) == statuses
