"""How many workers a DataLoader has and how they begin; it imports no trainer, for spawned workers import it."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import threading

MOST = 8  # workers by default: each holds batches ahead in shared memory, which containers often have little of


def begin(worker: int) -> None:
    """What each worker of a DataLoader does first.

    Nothing that it was forked with is looked through for garbage, which would copy all of it.
    """
    gc.freeze()
    outlive_signals(worker)


def default_workers(processes: int = 1) -> int:
    """As many as this process has cores of its own, where `processes` share the machine; 1 to 8."""
    may_use = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(MOST, may_use // processes))


def outlive_signals(worker: int) -> None:
    """For a worker of a DataLoader: a signal to the whole group leaves it to the training process when it ends.

    SIGTERM is waited for in a thread, which serves forked workers: in others, threads that libraries have started
    at import may take the signal first, and the worker ends as it would without this.
    """
    for name in {"SIGINT", "SIGUSR1"} & set(dir(signal)):
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    if hasattr(signal, "sigwaitinfo"):  # not on macOS and Windows
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        threading.Thread(target=_end_by_parent, daemon=True).start()


def _end_by_parent() -> None:
    """Its parent is who asked for it, not the server that may have forked it."""
    while signal.sigwaitinfo({signal.SIGTERM}).si_pid != multiprocessing.parent_process().pid:
        pass
    os._exit(0)
