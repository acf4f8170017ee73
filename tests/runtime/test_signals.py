"""Signals end a command even where Python drops the exception that they raise."""

from __future__ import annotations

import ctypes
import signal
import sys

import pytest

from pvdm.runtime.signals import ended_by_signals, raise_dropped


@pytest.fixture
def dropped(monkeypatch):
    """`dropped(number)` raises a signal within a callback of a C library; the list is of what Python has dropped."""
    found = []
    monkeypatch.setattr(sys, "unraisablehook", lambda raised: found.append(raised.exc_type))

    def drop(number: int) -> list[type]:
        ctypes.CFUNCTYPE(None)(lambda: signal.raise_signal(number))()
        return found

    return drop


@pytest.mark.parametrize(("number", "error"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)])
def test_what_a_callback_drops_is_raised_at_the_end_or_when_asked(dropped, number, error):
    steps = []
    with pytest.raises(error), ended_by_signals():
        assert dropped(number) == [error]
        steps.append("goes on")
    with pytest.raises(error), ended_by_signals():
        raise_dropped()
        dropped(number)
        raise_dropped()
        steps.append("is not reached")
    assert steps == ["goes on"]
    raise_dropped()  # nothing is left
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_what_is_not_dropped_ends_the_block_at_once_with_its_status():
    with pytest.raises(SystemExit, match="143"), ended_by_signals():
        signal.raise_signal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), ended_by_signals():
        signal.raise_signal(signal.SIGINT)


def test_a_caller_that_ignores_interrupts_still_does():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with ended_by_signals():
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)
