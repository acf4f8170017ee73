"""Computes the next item in a thread while the caller works on the current one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any, TypeVar

import torch

T = TypeVar("T")
END = object()


class Abandoned(Exception):
    """Raised in the thread after the caller has closed the iterator."""


def prefetch(produce: Callable[[Callable[[], None]], Iterator[T]], *, device: torch.device) -> Iterator[T]:
    """Yields what `produce(check)` yields, in order; the thread is at most one item ahead.

    An exception in the thread is raised here in place of its item. If the caller closes this iterator early, the next
    `check()` raises and ends the thread; closing returns once the thread has ended.

    Args:
        produce: Makes an iterator. Only the thread runs it, and calls `check` between steps of its work.
        device: Where the items are computed. On a GPU the thread has its own stream.
    """
    abandoned = Event()

    def check() -> None:
        if abandoned.is_set():
            raise Abandoned

    items = produce(check)
    thread = ThreadPoolExecutor(1, thread_name_prefix="prefetch", initializer=_settings(device))
    try:
        coming = thread.submit(_next, items, device)
        while (item := coming.result()) is not END:
            coming = thread.submit(_next, items, device)
            yield item
    finally:
        abandoned.set()
        thread.shutdown()
        items.close()


def _next(items: Iterator[T], device: torch.device) -> T | Any:
    """The next item or `END`, completely computed, so that any stream may read it."""
    try:
        return next(items, END)
    finally:
        if device.type == "cuda":
            torch.cuda.current_stream(device).synchronize()


def _settings(device: torch.device) -> Callable[[], None]:
    """A function that gives a new thread this one's settings, which are per thread: autocast, gradients, stream."""
    autocast, dtype = torch.is_autocast_enabled(device.type), torch.get_autocast_dtype(device.type)
    gradients, stream = torch.is_grad_enabled(), _stream_after_this(device)

    def apply() -> None:
        torch.set_autocast_enabled(device.type, autocast)
        torch.set_autocast_dtype(device.type, dtype)
        torch.set_grad_enabled(gradients)
        if stream is not None:
            torch.cuda.set_stream(stream)  # also sets the device

    return apply


def _stream_after_this(device: torch.device) -> torch.cuda.Stream | None:
    """A stream that first waits for the work already queued on this thread's stream; None unless on a GPU."""
    if device.type != "cuda":
        return None
    stream = torch.cuda.Stream(device)
    stream.wait_stream(torch.cuda.current_stream(device))
    return stream
