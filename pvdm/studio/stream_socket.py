"""The WebSocket of a stream's client: what goes in and out, and when it ends."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import asdict
from time import monotonic
from typing import TYPE_CHECKING, Any

from fastapi import WebSocket, WebSocketDisconnect

from pvdm.errors import InputError
from pvdm.studio.limits import Limits
from pvdm.studio.streams.frame_codec import chosen_codec, codecs
from pvdm.studio.streams.stream_registry import Stream
from pvdm.studio.streams.stream_session import StreamSession

if TYPE_CHECKING:
    from pvdm.studio.app import Studio

STATUS_SECONDS = 0.5
HELLO_SECONDS = 10.0
RATE_SECONDS = 10.0
BREAKS_RULES = 1008
"""The WebSocket's code for a client that does."""


async def serve_stream(studio: Studio, socket: WebSocket) -> None:
    """Serves a client until it leaves or breaks the rules."""
    await socket.accept()
    with suppress(WebSocketDisconnect, ConnectionError):
        await _serve(studio, socket)


async def _serve(studio: Studio, socket: WebSocket) -> None:
    try:
        hello = await asyncio.wait_for(_received(socket), HELLO_SECONDS)
        codec, buffer = _wishes(hello)
        name = hello.get("stream")
        stream = studio.streams.open(name if isinstance(name, str) else None)
    except (InputError, asyncio.TimeoutError) as error:
        await _end(socket, str(error) or "no hello came; open the page again")
        return
    taken = stream.taken
    session = StreamSession(stream, studio.workshop, codec=codec, buffer=buffer)
    session.outbox.tell(_welcome(studio, stream, codec))
    if stream.timeline.clips:
        session.tell_timeline()
    try:
        work = _receive(session, socket, studio.limits), _send(session, socket), _tell_status(session), _lost(taken)
        await _first_of(*work)
    except InputError as error:
        await _end(socket, str(error))
    finally:
        session.close()
        studio.streams.leave(stream, taken)


async def _first_of(*work: Coroutine[Any, Any, None]) -> None:
    """Waits until one of them ends, and ends the others."""
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        ended, _ = await asyncio.wait(tasks)  # `gather` would lose by whom this task itself is canceled
        for task in ended:
            _ = task.cancelled() or task.exception()  # seen, so that asyncio does not log it


def _wishes(hello: dict[str, Any]) -> tuple[str, int]:
    """The codec and the buffer of a client's hello."""
    if hello.get("type") != "hello":
        raise InputError("the first message is no hello", 'send {"type": "hello", "codecs": [...], "buffer": 32}')
    codec, buffer = chosen_codec(hello.get("codecs")), hello.get("buffer", 32)
    if codec is None:
        raise InputError("the client names no codec that the studio has", f"name one of {', '.join(codecs())}")
    if type(buffer) is not int or buffer < 1:
        raise InputError("the buffer is no number of frames", "send a whole number of at least 1")
    return codec, buffer


def _welcome(studio: Studio, stream: Stream, codec: str) -> dict[str, Any]:
    own = {"stream": stream.id, "codec": codec, "epoch": 0, "settings": stream.settings.to_json()}
    return {"type": "welcome", **own, "model": studio.model.to_json(), "limits": asdict(studio.limits)}


async def _send(session: StreamSession, socket: WebSocket) -> None:
    while True:
        item = await session.outbox.next()
        await (socket.send_text(item) if isinstance(item, str) else socket.send_bytes(item))


async def _tell_status(session: StreamSession) -> None:
    while True:
        session.outbox.tell_status(session.status())
        await asyncio.sleep(STATUS_SECONDS)


async def _lost(taken: asyncio.Event) -> None:
    """Waits until another connection has taken the stream over."""
    await taken.wait()
    raise InputError("this stream was opened in another place", "open the page again for a new one")


async def _receive(session: StreamSession, socket: WebSocket, limits: Limits) -> None:
    """Handles what the client sends; InputError if it sends too much."""
    allowed, since = limits.messages * RATE_SECONDS, monotonic()
    while True:
        try:
            session.handle(await _received(socket))
        except InputError as error:
            session.outbox.tell({"type": "error", "message": str(error)})
        now = monotonic()
        allowed = min(limits.messages * RATE_SECONDS, allowed + (now - since) * limits.messages) - 1
        since = now
        if allowed < 0:
            raise InputError(f"the client sends more than {limits.messages:g} messages a second", "send fewer")


async def _received(socket: WebSocket) -> dict[str, Any]:
    """The client's next message; InputError if it is none."""
    message = await socket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1000))
    try:
        found = json.loads(message.get("text") or "")
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise InputError("a message is no object in JSON", 'send {"type": "play"} or the like')
    return found


async def _end(socket: WebSocket, text: str) -> None:
    """Tells a client why its connection ends, and ends it."""
    with suppress(RuntimeError):  # it has gone
        await socket.send_text(json.dumps({"type": "error", "message": text}))
        await socket.close(BREAKS_RULES)
