"""How many workers a DataLoader has and how they start; imports no trainer, since spawned workers import it."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import threading

MOST = 8  # workers by default: each holds batches in shared memory, of which containers often have little


def begin(worker: int) -> None:
    """Prepares a worker of a DataLoader.

    Excludes all objects that it was forked with from garbage collection, which would copy their memory.
    """
    gc.freeze()
    outlive_signals(worker)


def default_workers(processes: int = 1) -> int:
    """The number of cores of this process, divided among the `processes` that share them; 1 to 8."""
    may_use = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(MOST, may_use // processes))


def outlive_signals(worker: int) -> None:
    """Makes a worker of a DataLoader ignore signals to the whole group: the training process ends it.

    A thread waits for SIGTERM. That holds for forked workers; in spawned ones, threads that libraries started at
    import may receive the signal first, and the worker ends as it would without this.
    """
    for name in {"SIGINT", "SIGUSR1"} & set(dir(signal)):
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    if hasattr(signal, "sigwaitinfo"):  # not on macOS and Windows
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        threading.Thread(target=_end_by_parent, daemon=True).start()


def _end_by_parent() -> None:
    """Ends the worker on a SIGTERM of its parent, which is not the server that may have forked it."""
    while signal.sigwaitinfo({signal.SIGTERM}).si_pid != multiprocessing.parent_process().pid:
        pass
    os._exit(0)
