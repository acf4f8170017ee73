"""Ends a command cleanly on SIGTERM, which batch systems and torchrun send, and on Ctrl-C: nothing half-written."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import wait
from types import FrameType


def exit_of(number: int) -> SystemExit:
    """SystemExit with the status that a shell reports for a signal: 143 for SIGTERM."""
    return SystemExit(128 + number)


@contextmanager
def ended_by_sigterm(error: Callable[[int], BaseException] = exit_of) -> Iterator[None]:
    """Inside the block SIGTERM raises `error(number)` instead of killing. Has no effect outside the main thread."""
    with _raising(error, [signal.SIGTERM]):
        yield


_raised: list[BaseException] = []


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Inside the block SIGTERM ends the program with status 143, and Ctrl-C raises KeyboardInterrupt, as ever.

    Where an exception cannot pass, as in callbacks of C libraries and while PyTorch is imported, Python drops it. It is
    then raised by the next `raise_dropped`, or at the end of the block. Has no effect outside the main thread.
    """

    def error(number: int) -> BaseException:
        _raised.append(KeyboardInterrupt() if number == signal.SIGINT else exit_of(number))
        return _raised[-1]

    is_usual = signal.getsignal(signal.SIGINT) is signal.default_int_handler  # else it is ignored, or the caller's
    try:
        with _raising(error, [signal.SIGTERM, *([signal.SIGINT] if is_usual else [])]):
            yield
            raise_dropped()
    finally:
        _raised.clear()


def raise_dropped() -> None:
    """Raises what a signal in a block of `ended_by_signals` has raised, if the program goes on nevertheless."""
    if _raised:
        raise _raised[-1]


def ends_with_parent() -> None:
    """Lets this child process leave Ctrl-C to its parent, and end with it, even if that is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextmanager
def _raising(error: Callable[[int], BaseException], numbers: Sequence[int]) -> Iterator[None]:
    """Inside the block these signals raise what `error` makes of their number, if this is the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, frame: FrameType | None) -> None:
        raise error(number)

    before = {number: signal.signal(number, end) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
