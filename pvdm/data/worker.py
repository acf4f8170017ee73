"""What the workers of a DataLoader make of signals; it imports no trainer, for spawned workers import it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading


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
