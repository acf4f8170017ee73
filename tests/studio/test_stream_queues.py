"""Seats, the outbox, the registry of streams, and the frames that a client has shown."""

from __future__ import annotations

import asyncio
import json

import pytest
import torch
from studio_stubs import MODEL

from pvdm.errors import InputError
from pvdm.studio.streams import outbox
from pvdm.studio.streams.outbox import Outbox
from pvdm.studio.streams.seats import Seats
from pvdm.studio.streams.shown_frames import Cut, ShownFrames
from pvdm.studio.streams.stream_registry import StreamRegistry
from pvdm.studio.streams.stream_settings import StreamSettings


def test_seats_are_given_in_the_order_of_asking():
    order = []

    async def sit(seats: Seats, name: str) -> None:
        async with seats.seat(name):
            order.append(name)
            await asyncio.sleep(0.001)

    async def scenario() -> None:
        seats = Seats(1)
        tasks = [asyncio.ensure_future(sit(seats, name)) for name in "abcd"]
        await asyncio.sleep(0)
        assert [seats.place(name) for name in "abcd"] == [0, 1, 2, 3]
        tasks[2].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert order == ["a", "b", "d"]
        await asyncio.wait_for(sit(seats, "e"), 1)

    asyncio.run(scenario())


def test_a_seat_that_is_called_and_not_taken_goes_to_the_next():
    async def scenario() -> None:
        seats, entered = Seats(1), []

        async def sit(name: str) -> None:
            async with seats.seat(name):
                entered.append(name)

        async with seats.seat("a"):
            b, c = (asyncio.ensure_future(sit(name)) for name in "bc")
            await asyncio.sleep(0)
        b.cancel()  # its seat is free now, and it has not woken up
        await asyncio.gather(b, c, return_exceptions=True)
        assert entered == ["c"]

    asyncio.run(scenario())


def test_the_outbox_drops_frames_and_keeps_messages():
    async def scenario() -> None:
        box = Outbox()
        box.tell({"a": 1})
        box.show([b"1", b"2"])
        box.tell({"b": 2})
        box.tell_status({"old": 1})
        box.tell_status({"new": 1})
        box.drop_frames()
        box.show([b"3"])
        found = [await box.next() for _ in range(4)]
        assert [json.loads(item) if isinstance(item, str) else item for item in found] == [
            {"new": 1},
            {"a": 1},
            {"b": 2},
            b"3",
        ]
        waiting = asyncio.ensure_future(box.next())
        await asyncio.sleep(0)
        box.show([b"4"])
        assert await waiting == b"4"

    asyncio.run(scenario())


def test_a_client_that_reads_nothing_is_let_go(monkeypatch):
    monkeypatch.setattr(outbox, "MOST_MESSAGES", 3)

    async def scenario() -> None:
        box = Outbox()
        for _ in range(4):
            box.tell({})
        with pytest.raises(ConnectionError):
            await box.next()

    asyncio.run(scenario())


def registry(most: int = 2, patience: float = 60.0) -> StreamRegistry:
    return StreamRegistry(most=most, clips=10, settings=StreamSettings.usual(MODEL), patience=patience)


def test_a_client_that_comes_back_finds_its_stream():
    async def scenario() -> None:
        streams = registry()
        one, other = streams.open(), streams.open("no such stream")
        assert one.id != other.id and len(one.id) > 20 and len(streams) == 2
        with pytest.raises(InputError, match="the studio is full: it holds 2 streams; try again in a minute"):
            streams.open()
        streams.leave(one, one.taken)
        with pytest.raises(InputError, match="there is no such stream"):
            streams[one.id]
        assert streams.open(one.id) is one and streams[one.id] is one
        lost = one.taken  # by a connection that has not noticed yet that it is gone
        assert streams.open(one.id) is one and lost.is_set()
        streams.leave(one, lost)
        assert streams[one.id] is one

    asyncio.run(scenario())


def test_streams_that_were_left_are_forgotten():
    async def scenario() -> None:
        streams = registry(patience=0.01)
        one = streams.open()
        streams.leave(one, one.taken)
        await asyncio.sleep(0.03)
        assert streams.open(one.id) is not one
        streams, left = registry(most=1), []
        for _ in range(3):
            left.append(streams.open())
            streams.leave(left[-1], left[-1].taken)
        assert streams.open(left[0].id) is not left[0]

    asyncio.run(scenario())


def test_the_oldest_pictures_that_are_not_set_are_forgotten():
    stream, pixels = registry().open(), torch.zeros(3, 2, 2)
    names = [stream.add_picture(pixels, 3) for _ in range(2)]
    stream.settings = stream.settings.changed({"anchor": names[0]}, MODEL, stream.pictures)
    names += [stream.add_picture(pixels, 3) for _ in range(3)]
    assert list(stream.pictures) == [names[0], *names[3:]]


def test_what_a_pause_leaves_of_the_video():
    frames = ShownFrames()
    for clip in (1, 2, 3):
        frames.sent(4, clip, 0, "new")
    assert frames.ahead == 12 and frames.show(5) and not frames.show(3) and not frames.show(12)
    assert frames.ahead == 6
    assert frames.cut() == Cut(2, 2, [3])
    assert frames.cut() == Cut(None, 0, []) and frames.ahead == 0
    assert frames.sent(2, 2, 2, "rest").frame == 12  # no number is used twice
    frames.sent(4, 3, 0, "new")
    frames.show(12)
    assert frames.cut() == Cut(2, 3, [3])
    frames.sent(4, 1, 0, "again")
    frames.show(19)
    assert frames.cut() == Cut(None, 0, [])
