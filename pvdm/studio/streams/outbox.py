"""What is to be sent to one client."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Iterable
from typing import Any

MOST_MESSAGES = 1000
"""Messages that a client may leave unread; one that leaves more is let go."""


class Outbox:
    """Messages and frames to one client, in order. Frames that are not sent yet can be dropped.

    It holds no more frames than the session puts in, which is paced by what the client has shown.
    """

    def __init__(self) -> None:
        self._items: deque[str | bytes] = deque()
        self._is_filled, self._status = asyncio.Event(), ""

    def tell(self, message: dict[str, Any]) -> None:
        """Adds a message."""
        self._add(json.dumps(message, allow_nan=False))

    def tell_status(self, message: dict[str, Any]) -> None:
        """Adds a message of state, in place of the one before it if that is not sent yet."""
        self._status = json.dumps(message, allow_nan=False)
        self._is_filled.set()

    def show(self, frames: Iterable[bytes]) -> None:
        """Adds frames."""
        self._items.extend(frames)
        self._is_filled.set()

    def drop_frames(self) -> None:
        """Takes out all frames."""
        self._items = deque(item for item in self._items if isinstance(item, str))

    async def next(self) -> str | bytes:
        """The next message or frame, once there is one; ConnectionError if the client reads too little."""
        while not self._items and not self._status:
            self._is_filled.clear()
            await self._is_filled.wait()
        if len(self._items) > MOST_MESSAGES:
            raise ConnectionError("the client leaves its messages unread")
        if self._status:
            status, self._status = self._status, ""
            return status
        return self._items.popleft()

    def _add(self, item: str) -> None:
        self._items.append(item)
        self._is_filled.set()
