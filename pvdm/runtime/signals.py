"""Ends a command cleanly on SIGTERM, which batch systems and torchrun send: no partial files stay behind."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


def exit_of(number: int) -> SystemExit:
    """SystemExit with the status that a shell reports for a signal: 143 for SIGTERM."""
    return SystemExit(128 + number)


@contextmanager
def ended_by_sigterm(error: Callable[[int], BaseException] = exit_of) -> Iterator[None]:
    """Inside the block SIGTERM raises `error(number)` instead of killing. Has no effect outside the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, frame: FrameType | None) -> None:
        raise error(number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
