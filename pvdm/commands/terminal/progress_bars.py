"""Progress bars on the terminal for work in several stages."""

from __future__ import annotations

import time
from collections.abc import Sequence
from threading import Lock

from tqdm import tqdm

from pvdm.runtime.signals import raise_dropped

DECODING = 0.05
"""Approximate share of decoding and writing in the time from noise to a file."""


class Bars:
    """One bar for each stage, called with (stage, clips done, clips in all) after each of its parts.

    A stage begins when the one before it ends, so that the time left is right from the first part on.
    """

    def __init__(self) -> None:
        self._began = time.time()
        self._bar: tqdm | None = None

    def __call__(self, what: str, done: int, total: int) -> None:
        if self._bar is None:
            self._bar = tqdm(total=total, desc=what, unit="clip")
            self._bar.start_t = self._bar.last_print_t = self._began
        self._bar.update(done - self._bar.n)
        if done == total:
            self._bar.close()
            self._began, self._bar = time.time(), None


class SamplingBar:
    """A bar of clips or frames that moves with each sampling step and shows the time left.

    Args:
        parts: Clips or frames of each sampling, in order; None if nobody knows, so that what is written is counted.
        unit: Name of the unit, in the plural.
        show: Whether to show the bar.
    """

    def __init__(self, parts: Sequence[int] | None, *, unit: str, show: bool = True) -> None:
        self._parts, self._sampled, self._written, self._lock = parts and list(parts), 0.0, 0, Lock()
        self._before, self._part = 0, 0
        if parts is None:
            self._bar = tqdm(bar_format=f"{{n}} {unit} [{{elapsed}} so far]", disable=not show)
            return
        form = f"{{percentage:3.0f}}%|{{bar}}| {{n:.1f}} of {{total}} {unit} [{{elapsed}} so far, {{remaining}} left]"
        self._bar = tqdm(total=sum(parts), bar_format=form, disable=not show)

    def __enter__(self) -> SamplingBar:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def sampling(self, done: int, steps: int) -> None:
        """Called after each step, possibly by the sampling thread."""
        if self._parts is None:
            return
        part = self._parts[self._part]
        self._sampled = self._before + part * done / steps
        if done == steps:
            self._before, self._part = self._before + part, self._part + 1
        self._show()

    def written(self, count: int = 1) -> None:
        """Called when this many are decoded and written; raises an interrupt that was dropped until then."""
        raise_dropped()
        self._written += count
        self._show()

    def _show(self) -> None:
        with self._lock:
            if self._parts is None:
                self._bar.update(self._written - self._bar.n)
                return
            done = (1 - DECODING) * self._sampled + DECODING * self._written
            self._bar.update(round(done, 6) - self._bar.n)
