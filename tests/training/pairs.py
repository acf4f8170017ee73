"""Two processes that are forked from the tests' own, connected over gloo, and call a function each."""

from __future__ import annotations

import multiprocessing
import os
import socket
from collections.abc import Callable
from datetime import timedelta

import torch
from torch import distributed

PATIENCE = 120
"""Seconds after which a process that has not ended is taken to hang."""


def run_two(function: Callable[[int], None]) -> list[int]:
    """Exit statuses of two processes that call `function(rank)`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=_connected, args=(function, address, rank), daemon=True) for rank in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(PATIENCE)
    statuses = [process.exitcode for process in processes]
    assert None not in statuses, "a process hangs"
    return statuses


def _connected(function: Callable[[int], None], address: str, rank: int) -> None:
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    torch.set_num_threads(1)
    timeout = timedelta(seconds=PATIENCE)
    distributed.init_process_group("gloo", init_method=address, rank=rank, world_size=2, timeout=timeout)
    function(rank)
    os._exit(0)
