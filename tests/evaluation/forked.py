"""Runs functions in separate processes that are connected as by torchrun."""

from __future__ import annotations

import multiprocessing
import os
import socket
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

import torch

from pvdm.errors import InputError
from pvdm.runtime.processes import Processes, processes

PATIENCE = 60
"""Seconds after which a process that has not ended is taken to hang, unless said otherwise."""

SILENT = "it ended without a word"


def forked(
    function: Callable[[Processes], Any], *, size: int = 2, absent: tuple[int, ...] = (), patience: float = PATIENCE
) -> list[Any]:
    """The return value of `function` in each process, or the text of its InputError, or `SILENT` if it never started.

    One process, too, is forked: it computes with as many threads as each of several.
    """
    context, ends = multiprocessing.get_context("fork"), []
    environment = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(_free_port()), "GLOO_SOCKET_IFNAME": "lo"}
    for rank in range(size):
        mine = {**environment, "WORLD_SIZE": str(size), "RANK": str(rank), "LOCAL_RANK": str(rank)}
        end, other_end = context.Pipe(duplex=False)
        process = context.Process(target=_run, args=(function, mine, other_end), daemon=True)
        if rank not in absent:
            process.start()
            ends.append((process, end))
        other_end.close()
    return [_result(*end, patience) for end in ends]


def _run(function: Callable[[Processes], Any], environment: dict[str, str], end: Connection) -> None:
    os.environ.update(environment)
    torch.set_num_threads(1)
    try:
        with processes() as group:
            result = function(group)
    except InputError as error:
        result = str(error)
    end.send(result)


def _result(process: multiprocessing.Process, end: Connection, patience: float) -> Any:
    try:
        assert end.poll(patience), "a process hangs"
        return end.recv()
    except EOFError:
        return SILENT
    finally:
        process.kill()
        process.join()


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]
