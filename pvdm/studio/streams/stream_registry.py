"""The streams of all clients, by their secret names."""

from __future__ import annotations

import asyncio
import secrets
from collections import OrderedDict
from dataclasses import dataclass, field

from torch import Tensor

from pvdm.errors import InputError
from pvdm.studio.streams.clip_timeline import Timeline
from pvdm.studio.streams.stream_settings import StreamSettings


@dataclass(eq=False)
class Stream:
    """What a client has made and set; it outlives its connection for a while.

    Args:
        id: Its name, which only its client knows.
        timeline: Its clips.
        settings: Those of the next clip.
        version: The client's number of the settings.
        pictures: Uploaded pictures (3, h, w) uint8 of the model's size, by name.
        taken: Set once another connection has taken the stream over from the one that holds it.
    """

    id: str
    timeline: Timeline
    settings: StreamSettings
    version: int = 0
    pictures: OrderedDict[str, Tensor] = field(default_factory=OrderedDict)
    taken: asyncio.Event = field(default_factory=asyncio.Event)

    def add_picture(self, picture: Tensor, most: int) -> str:
        """Keeps a picture; its name. Of those that are not set, the oldest are forgotten beyond `most`."""
        name = secrets.token_hex(8)
        self.pictures[name] = picture
        unused = [known for known in self.pictures if known not in self.settings.given_pictures().values()]
        for known in unused[: max(0, len(self.pictures) - most)]:
            del self.pictures[known]
        return name


class StreamRegistry:
    """Opens and keeps streams. For one event loop.

    Args:
        most: The most streams that are open at once.
        clips: The most clips of a stream.
        settings: Those that a new stream begins with.
        patience: Seconds that a stream waits for its client to come back.
    """

    def __init__(self, *, most: int, clips: int, settings: StreamSettings, patience: float = 60.0) -> None:
        self._most, self._clips, self._settings, self._patience = most, clips, settings, patience
        self._open: dict[str, Stream] = {}
        self._left: OrderedDict[str, tuple[Stream, asyncio.TimerHandle]] = OrderedDict()

    def __len__(self) -> int:
        """How many are open."""
        return len(self._open)

    def open(self, name: str | None = None) -> Stream:
        """A new stream, or one that its client left a moment ago, or has lost; InputError if there are too many."""
        if name in self._open:
            self._open[name].taken.set()
            self._open[name].taken = asyncio.Event()
            return self._open[name]
        if len(self._open) >= self._most:
            raise InputError(f"the studio is full: it holds {self._most} streams", "try again in a minute")
        if name in self._left:
            stream, timer = self._left.pop(name)
            timer.cancel()
        else:
            stream = Stream(secrets.token_urlsafe(16), Timeline(self._clips), self._settings)
        self._open[stream.id] = stream
        return stream

    def leave(self, stream: Stream, taken: asyncio.Event) -> None:
        """Keeps a stream whose client has left, for a while; as many as may be open.

        taken: The stream's, as it was opened; a stream that was taken over stays open.
        """
        if taken.is_set():
            return
        self._open.pop(stream.id, None)
        timer = asyncio.get_running_loop().call_later(self._patience, self._left.pop, stream.id, None)
        self._left[stream.id] = stream, timer
        while len(self._left) > self._most:
            _, (_, timer) = self._left.popitem(last=False)
            timer.cancel()

    def __getitem__(self, name: str) -> Stream:
        """The open stream of a name; InputError if there is none."""
        if name not in self._open:
            raise InputError("there is no such stream", "open the page again")
        return self._open[name]
