"""The next item is computed in a thread while the caller is busy with the one before."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any, TypeVar

import torch

T = TypeVar("T")
END = object()


class Abandoned(Exception):
    """Raised in the thread when its caller wants no more."""


def prefetch(produce: Callable[[Callable[[], None]], Iterator[T]], *, device: torch.device) -> Iterator[T]:
    """What `produce(check)` yields, in order; the thread is never more than one item in advance.

    Its exceptions come as themselves, where their item would have come. When the caller stops early, by closing this
    iterator, the thread ends at the next `check()`, which then raises, and is gone when the closing returns.

    Args:
        produce: Makes an iterator; it and `check` are the thread's alone.
        device: Where the items are computed. On a GPU the thread has a stream of its own.
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
    """The next item or `END`, whole: whichever stream may read it, and nothing of it is still to be computed."""
    try:
        return next(items, END)
    finally:
        if device.type == "cuda":
            torch.cuda.current_stream(device).synchronize()


def _settings(device: torch.device) -> Callable[[], None]:
    """What gives a new thread the settings of this one, for each has its own: autocast, gradients, and a stream."""
    autocast, dtype = torch.is_autocast_enabled(device.type), torch.get_autocast_dtype(device.type)
    gradients, stream = torch.is_grad_enabled(), _stream_after_this(device)

    def apply() -> None:
        torch.set_autocast_enabled(device.type, autocast)
        torch.set_autocast_dtype(device.type, dtype)
        torch.set_grad_enabled(gradients)
        if stream is not None:
            torch.cuda.set_stream(stream)  # and the device, which is the stream's

    return apply


def _stream_after_this(device: torch.device) -> torch.cuda.Stream | None:
    """A stream that waits for what is already under way on this thread's; None but on a GPU."""
    if device.type != "cuda":
        return None
    stream = torch.cuda.Stream(device)
    stream.wait_stream(torch.cuda.current_stream(device))
    return stream
