"""One client's connection to its stream: what it asks, and the clips that are made and sent for it."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import replace
from itertools import cycle
from time import monotonic
from typing import Any

from pvdm.errors import InputError, sentence
from pvdm.studio.streams.clip_batch import ClipRequest
from pvdm.studio.streams.clip_sender import ClipSender, Workshop
from pvdm.studio.streams.clip_timeline import TimelineClip
from pvdm.studio.streams.outbox import Outbox
from pvdm.studio.streams.stream_registry import Stream
from pvdm.studio.streams.stream_settings import MOST_SEED, StreamSettings

MEASURED = 16
"""Clips over which the speed is averaged."""
MOST_BUFFER, MOST_LOOP = 256, 256
ONCE = ("first_picture", "last_picture")
"""Settings that count for one clip."""
FAILED = "this clip failed by a fault of the studio; its log says more"

logger = logging.getLogger(__name__)


class StreamSession:
    """Handles a client's messages, and fills its outbox. For one event loop.

    Args:
        stream: The client's stream.
        workshop: What it shares with others.
        codec: "h264" or "jpeg".
        buffer: Frames that the client wants to have ahead.
    """

    def __init__(self, stream: Stream, workshop: Workshop, *, codec: str, buffer: int) -> None:
        self.stream, self._workshop, self._sender = stream, workshop, ClipSender(stream, workshop, codec=codec)
        self._buffer, self._moved = min(max(1, buffer), MOST_BUFFER), asyncio.Event()
        self._director: asyncio.Task[None] | None = None
        self._is_playing, self._loop, self._rest = False, None, None
        self._speeds: deque[tuple[int, float]] = deque(maxlen=MEASURED)
        self._set_at, self._latency = {}, None

    @property
    def outbox(self) -> Outbox:
        """What is to be sent to the client."""
        return self._sender.outbox

    def handle(self, message: dict[str, Any]) -> None:
        """Does what a message asks; InputError if it cannot be done, after which the stream goes on."""
        actions = {
            "set": self._set,
            "play": self._play,
            "pause": self._pause,
            "shown": self._shown,
            "seek": self._seek,
            "new_scene": self._new_scene,
            "show": self._show,
            "delete": self._delete,
            "loop": self._set_loop,
        }
        kind = message.get("type")
        if not isinstance(kind, str) or kind not in actions:
            raise InputError(f"there is no message of type {str(kind)[:40]!r}", f"send one of {', '.join(actions)}")
        actions[kind](message)

    def close(self) -> None:
        """Ends all that is made for this client."""
        self._stop()

    def status(self) -> dict[str, Any]:
        """The message of state."""
        place = self._workshop.seats.place(self.stream.id)
        state = ("waiting" if place else "playing") if self._is_playing else "paused"
        frames, seconds = (sum(column) for column in zip(*self._speeds, strict=True)) if self._speeds else (0, 1.0)
        return {
            "type": "status",
            "state": state,
            "fps": round(frames / max(seconds, 1e-6), 1),
            "latency_ms": self._latency,
            "steps": self.stream.settings.steps,
            "device": self._workshop.model.device,
            "place": place or self._workshop.engine.place(self.stream.id),
            "streams": self._workshop.streams(),
        }

    def tell_timeline(self) -> None:
        """Sends all clips of the timeline."""
        self.outbox.tell(
            {"type": "timeline", "clips": self.stream.timeline.to_json(), "head": self.stream.timeline.head}
        )

    # What a client asks

    def _set(self, message: dict[str, Any]) -> None:
        stream = self.stream
        stream.settings = stream.settings.changed(message.get("settings"), self._workshop.model, stream.pictures)
        stream.version = _number(message, "version", stream.version + 1)
        self._set_at = {stream.version: monotonic()}
        if self._is_playing and self._loop is None:
            self._workshop.engine.amend(self._request())

    def _play(self, message: dict[str, Any]) -> None:
        if not self._is_playing:
            self._start()

    def _pause(self, message: dict[str, Any]) -> None:
        self._cut(message)
        self._is_playing = False
        self._tell_paused()

    def _shown(self, message: dict[str, Any]) -> None:
        if self._sender.sent.show(_number(message, "frame")):
            self._moved.set()

    def _seek(self, message: dict[str, Any]) -> None:
        clip = self.stream.timeline[_number(message, "clip")].id
        self._cut(message)
        self._loop, self._rest = None, None
        if clip in self.stream.timeline.clips:  # else it was thrown away just now, unseen
            self.stream.timeline.head = clip
        self._go_on()

    def _new_scene(self, message: dict[str, Any]) -> None:
        self._cut(message)
        self._loop, self._rest, self.stream.timeline.head = None, None, None
        self._go_on()

    def _show(self, message: dict[str, Any]) -> None:
        clip = self.stream.timeline[_number(message, "clip")]
        self._cut(message)
        self._is_playing = False
        self._direct(lambda: self._show_again([clip]))

    def _delete(self, message: dict[str, Any]) -> None:
        clip = self.stream.timeline[_number(message, "clip")].id
        self._cut(message)
        if clip in self.stream.timeline.clips:
            gone = self.stream.timeline.delete(clip)
            self._rest = None if self._rest and self._rest[0] in gone else self._rest
            self._loop = [one for one in self._loop if one not in gone] or None if self._loop else None
        self.tell_timeline()
        self._go_on()

    def _set_loop(self, message: dict[str, Any]) -> None:
        clips = message.get("clips")
        if clips is not None and not (isinstance(clips, list) and 0 < len(clips) <= MOST_LOOP):
            raise InputError("a loop needs clips", f"give the numbers of 1 to {MOST_LOOP} clips, or null to end it")
        loop = [self.stream.timeline[clip if type(clip) is int else None].id for clip in clips or ()]
        self._cut(message)
        self._loop = [clip for clip in loop if clip in self.stream.timeline.clips] or None
        if self._loop:
            self._start()
        else:
            self._go_on()

    # What is made and sent

    def _start(self) -> None:
        self._is_playing = True
        self._direct(self._make)

    def _go_on(self) -> None:
        """Plays on after a cut, if it was playing; otherwise says that it is paused, and where."""
        if self._is_playing:
            self._start()
        else:
            self._tell_paused()

    def _stop(self) -> None:
        if self._director is not None:
            self._director.cancel()
            self._director = None

    def _direct(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._stop()
        self._director = asyncio.get_running_loop().create_task(self._guarded(work))

    def _cut(self, message: dict[str, Any]) -> None:
        """Ends what is made, and throws away what was not shown; the message may name the last frame shown."""
        if message.get("frame") is not None:
            self._sender.sent.show(_number(message, "frame"))
        self._stop()
        cut = self._sender.cut()
        if cut.clip in self.stream.timeline.clips:
            is_whole = cut.offset >= self.stream.timeline[cut.clip].frames
            self._rest = None if is_whole else (cut.clip, cut.offset)
        if cut.unseen:
            self.stream.timeline.discard(cut.unseen)
            asyncio.get_running_loop().call_soon(self.tell_timeline)  # after the answer, which is not to wait for it

    def _tell_paused(self) -> None:
        self.outbox.tell({"type": "paused", "clip": self.stream.timeline.head, "epoch": self._sender.epoch})

    async def _guarded(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Does the work; if it fails, its client alone is told, and the stream pauses."""
        try:
            await work()
        except Exception as error:  # the other streams go on whatever happens in this one
            text = sentence(error)
            if text is None:
                logger.exception("a stream failed")
            self.outbox.tell({"type": "error", "message": text or FAILED})
            if self._director is asyncio.current_task():  # else another message has ended this work
                self._director = None
                self._pause({})

    async def _make(self) -> None:
        """Makes and sends clips, or those of the loop, for as long as the client shows them."""
        timeline = self.stream.timeline
        async with self._workshop.seats.seat(self.stream.id):
            if self._loop is not None:
                await self._show_again(timeline[clip] for clip in cycle(self._loop))
            if self._rest is not None:
                await self._sender.send_again(timeline[self._rest[0]], self._rest[1], "rest")
            while True:
                await self._wanted()
                if timeline.head is not None:
                    await self._sender.frames_of(timeline[timeline.head])  # which the clip after it needs
                began = monotonic()
                made = await self._workshop.engine.clip(self._request())
                self._speeds.append((made.frames.shape[1], monotonic() - began))
                self._sent(await self._sender.send_new(made))

    async def _wanted(self) -> None:
        """Waits until the client wants more frames; InputError if it shows nothing."""
        while self._sender.sent.ahead >= self._buffer:
            self._moved.clear()
            try:
                await asyncio.wait_for(self._moved.wait(), self._workshop.patience)
            except asyncio.TimeoutError as error:
                problem = f"no frame was shown for {self._workshop.patience:g} seconds"
                raise InputError(problem, "press play to go on") from error

    def _request(self) -> ClipRequest:
        """The clip after the head, by the settings of this moment."""
        stream, settings = self.stream, self.stream.settings
        is_scene = settings.first_picture is not None or not self._workshop.model.extends
        parent = None if is_scene else stream.timeline.clips.get(stream.timeline.head)
        number = parent.id if parent else None
        return ClipRequest(
            stream.id,
            settings,
            stream.timeline.next_noise(number, settings.seed),
            parent.latent if parent else None,
            self._sender.recent(number) if parent else None,
            {name: stream.pictures[name] for name in settings.given_pictures().values()},
            stream.version,
            number,
        )

    def _sent(self, clip: TimelineClip) -> None:
        """Notes that a new clip was sent."""
        if (began := self._set_at.pop(clip.version, None)) is not None:
            self._latency = round(1000 * (monotonic() - began))
        self._use_up(clip.settings)
        if self.stream.timeline.forget():
            self.tell_timeline()

    def _use_up(self, used: StreamSettings) -> None:
        """Takes the pictures that count for one clip out of the settings, and says so."""
        own = self.stream.settings
        names = [name for name in ONCE if getattr(used, name) is not None and getattr(used, name) == getattr(own, name)]
        if names:
            self.stream.settings = replace(own, **dict.fromkeys(names))
            self.outbox.tell({"type": "settings", "settings": self.stream.settings.to_json()})

    async def _show_again(self, clips: Iterable[TimelineClip]) -> None:
        for clip in clips:
            await self._wanted()
            await self._sender.send_again(clip, 0, "again")


def _number(message: dict[str, Any], name: str, default: int | None = None) -> int:
    """A whole number of a message, at least 0; InputError if it is something else."""
    value = message.get(name, default)
    if type(value) is not int or not 0 <= value <= MOST_SEED:
        raise InputError(f"{name} of the message is {str(value)[:40]}", "send a whole number of at least 0")
    return value
