"""Bars on the terminal for work in several stages."""

from __future__ import annotations

import time

from tqdm import tqdm


class Bars:
    """One bar for each stage, told (what is done, clips done, clips in all) after each of its parts.

    A stage has begun when the one before it ended, so that the time left is right from the first part on.
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
