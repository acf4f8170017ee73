"""Seats: how many streams may play at once, and who waits for one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Seats:
    """A number of seats, given to those who wait in the order in which they came. For one event loop."""

    def __init__(self, count: int) -> None:
        self._free = count
        self._waiting: dict[str, asyncio.Event] = {}

    def place(self, name: str) -> int:
        """Its place among those who wait, from 1; 0 if it does not wait."""
        return list(self._waiting).index(name) + 1 if name in self._waiting else 0

    @asynccontextmanager
    async def seat(self, name: str) -> AsyncIterator[None]:
        """Waits for a seat, which is free again after the block."""
        if not self._free or self._waiting:
            called = self._waiting[name] = asyncio.Event()
            try:
                await called.wait()
            except asyncio.CancelledError:
                if self._waiting.pop(name, None) is None:  # called at the same moment
                    self._release()
                raise
        else:
            self._free -= 1
        try:
            yield
        finally:
            self._release()

    def _release(self) -> None:
        """Gives the seat to the first who waits."""
        if self._waiting:
            name = next(iter(self._waiting))
            self._waiting.pop(name).set()
        else:
            self._free += 1
