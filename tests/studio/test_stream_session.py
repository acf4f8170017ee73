"""What a client asks and gets, without a server."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from studio_stubs import MODEL, make_gray, stub_studio, until

from pvdm.errors import InputError
from pvdm.studio.app import Studio
from pvdm.studio.streams.frame_codec import HEADER
from pvdm.studio.streams.stream_session import FAILED, StreamSession


class Client:
    """A session, and what it has told and shown to its client, who reads at once."""

    def __init__(self, studio: Studio, *, buffer: int = 8) -> None:
        self.stream = studio.streams.open()
        self.session = StreamSession(self.stream, studio.workshop, codec="jpeg", buffer=buffer)
        self.told, self.frames = [], []
        self._reading = asyncio.ensure_future(self._read())

    async def _read(self) -> None:
        while True:
            item = await self.session.outbox.next()
            if isinstance(item, str):
                self.told.append(json.loads(item))
            else:
                self.frames.append(HEADER.unpack(item[:16]))

    def ask(self, kind: str, **values: Any) -> None:
        self.session.handle({"type": kind, **values})

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [message for message in self.told if message["type"] == kind]

    def shown_clips(self) -> list[int]:
        """The clips of the frames that came, each once in a row."""
        clips = [frame[4] for frame in self.frames]
        return [clip for place, clip in enumerate(clips) if place == 0 or clips[place - 1] != clip]


def run(scenario: Callable[..., Any], make: Callable[..., Any] = make_gray, **limits: Any) -> None:
    """Runs `scenario(client, studio)` with an engine that is started."""

    async def started() -> None:
        studio = stub_studio(make, **limits)
        studio.engine.start()
        try:
            await scenario(Client(studio), studio)
        finally:
            await asyncio.to_thread(studio.engine.close)

    asyncio.run(started())


def test_no_more_is_made_than_the_buffer_and_a_clip():
    async def scenario(client, studio):
        client.ask("play")
        await until(lambda: len(client.frames) == 8)
        await asyncio.sleep(0.02)
        assert [clip["id"] for clip in client.of("clip")] == [1, 2]
        client.ask("shown", frame=0)
        await until(lambda: len(client.frames) == 12)
        assert [frame[:6] for frame in client.frames[3:6]] == [
            (2, 1, 0, 3, 1, 0),
            (2, 1, 0, 4, 2, 0),
            (2, 1, 0, 5, 2, 0),
        ]
        assert client.session.status()["state"] == "playing" and client.session.status()["fps"] > 0

    run(scenario)


def test_a_pause_throws_away_what_was_not_shown_and_goes_on_where_it_was():
    async def scenario(client, studio):
        client.ask("play")
        await until(lambda: len(client.frames) == 8)
        client.ask("pause", frame=1)
        await until(lambda: client.of("timeline"))
        assert client.of("paused") == [{"type": "paused", "clip": 1, "epoch": 1}]
        assert [clip["id"] for clip in client.of("timeline")[0]["clips"]] == [1]
        assert client.session.status()["state"] == "paused" and list(client.stream.timeline.clips) == [1]
        client.ask("play")
        await until(lambda: len(client.frames) == 8 + 2 + 8)
        rest, *others = client.of("clip")[2:]
        assert rest.items() >= {"id": 1, "offset": 2, "frame": 8, "frames": 2, "replay": True, "part": "rest"}.items()
        assert [(clip["id"], clip["parent"], clip["clip"]) for clip in others] == [(3, 1, 1), (4, 3, 2)]
        assert {frame[2] for frame in client.frames[8:]} == {1}

    run(scenario)


def test_nothing_that_was_shown_is_left_of_a_pause_before_the_first_frame():
    async def scenario(client, studio):
        client.ask("play")
        await until(lambda: len(client.frames) == 8)
        client.ask("pause")
        assert not client.stream.timeline.clips and client.stream.timeline.head is None

    run(scenario)


def test_settings_act_at_the_next_clip_and_the_latency_is_measured():
    async def scenario(client, studio):
        client.ask("set", settings={"seed": 2}, version=4)
        client.ask("play")
        await until(lambda: len(client.frames) == 8)
        assert client.of("clip")[0].items() >= {"seed": 2, "version": 4, "parent": None}.items()
        client.ask("set", settings={"label": "run"}, version=5)
        client.ask("shown", frame=7)
        await until(lambda: len(client.frames) == 16)
        assert client.of("clip")[2]["settings"]["label"] == "run" and client.frames[-1][5] == 5
        assert 0 <= client.session.status()["latency_ms"] < 5000
        with pytest.raises(InputError, match="steps is 5"):
            client.ask("set", settings={"seed": 9, "steps": 5}, version=6)
        assert client.stream.settings.seed == 2 and client.stream.version == 5

    run(scenario)


def test_branches_scenes_and_deletion():
    async def scenario(client, studio):
        client.ask("play")
        await until(lambda: len(client.frames) == 8)
        client.ask("seek", clip=1, frame=7)
        await until(lambda: len(client.frames) == 16)
        client.ask("new_scene", frame=15)
        await until(lambda: len(client.frames) == 24)
        told = [(clip["id"], clip["parent"], clip["video"], clip["clip"]) for clip in client.of("clip")]
        assert told == [(1, None, 0, 0), (2, 1, 0, 1), (3, 1, 1, 1), (4, 3, 1, 2), (5, None, 2, 0), (6, 5, 2, 1)]
        client.ask("pause", frame=23)
        client.ask("delete", clip=3)
        await until(lambda: client.of("timeline"))
        assert [clip["id"] for clip in client.of("timeline")[-1]["clips"]] == [1, 2, 5, 6]
        with pytest.raises(InputError, match="there is no clip 3 in this stream"):
            client.ask("seek", clip=3)

    run(scenario)


def test_clips_are_shown_again_and_looped_without_new_ones():
    async def scenario(client, studio):
        client.ask("play")
        for frame in (7, 15, 23):
            await until(lambda frame=frame: len(client.frames) > frame)
            client.ask("shown", frame=frame)
        await until(lambda: len(client.frames) == 32)
        client.ask("pause", frame=31)
        client.frames.clear()
        client.ask("show", clip=1)  # its frames are not kept any more
        await until(lambda: len(client.frames) == 4)
        assert client.of("clip")[-1].items() >= {"id": 1, "replay": True, "part": "again", "frame": 32}.items()
        client.ask("loop", clips=[2, 1])
        await until(lambda: len(client.frames) == 12)
        client.ask("shown", frame=43)
        await until(lambda: len(client.frames) == 20)
        assert client.shown_clips() == [1, 2, 1, 2, 1] and len(client.stream.timeline.clips) == 8
        client.ask("loop", clips=None, frame=51)
        await until(lambda: len(client.frames) == 28)
        assert client.of("clip")[-2].items() >= {"parent": 8, "part": "new"}.items()
        for clips in ([], "all", [99], [{}]):
            with pytest.raises(InputError):
                client.ask("loop", clips=clips)

    run(scenario)


def test_pictures_that_count_once_are_taken_out_of_the_settings():
    def seen(generator, requests):
        given.extend((sorted(request.pictures), request.context is None) for request in requests)
        return make_gray(generator, requests)

    given: list[Any] = []

    async def scenario(client, studio):
        one, two = (client.stream.add_picture(torch.zeros(3, 16, 16), 9) for _ in range(2))
        client.ask("play")
        await until(lambda: len(client.frames) == 8)
        client.ask("set", settings={"first_picture": one, "anchor": two})
        client.ask("shown", frame=7)
        await until(lambda: len(client.frames) == 16)
        assert given == [([], True), ([], False), (sorted([one, two]), True), ([two], False)]
        assert client.of("settings")[0]["settings"]["first_picture"] is None

    run(scenario, seen)


def test_without_extension_each_clip_is_a_scene():
    async def scenario(client, studio):
        client.session._workshop = replace(studio.workshop, model=replace(MODEL, extends=False))
        client.ask("play")
        await until(lambda: len(client.frames) == 8)
        assert [(clip["parent"], clip["video"]) for clip in client.of("clip")] == [(None, 0), (None, 1)]

    run(scenario)


def test_a_clip_that_fails_is_told_to_its_client_alone():
    async def scenario(client, studio):
        other = Client(studio)
        client.ask("set", settings={"seed": 13})
        for one in (client, other):
            one.ask("play")
        await until(lambda: client.of("error") and len(other.frames) == 8)
        assert client.of("error") == [{"type": "error", "message": FAILED}] and not other.of("error")
        assert [one.session.status()["state"] for one in (client, other)] == ["paused", "playing"]
        client.ask("set", settings={"seed": 0})
        client.ask("play")
        await until(lambda: len(client.frames) == 8)

    run(scenario)


def test_a_client_that_shows_nothing_pauses_and_gives_up_its_seat():
    async def scenario(client, studio):
        other = Client(studio)
        for one in (client, other):
            one.ask("play")
        await until(lambda: client.frames)
        assert other.session.status().items() >= {"state": "waiting", "place": 1, "streams": 2}.items()
        await until(lambda: other.frames)
        assert client.of("error")[0]["message"] == "no frame was shown for 0.05 seconds; press play to go on"
        assert client.of("paused") and client.session.status()["state"] == "paused"

    run(scenario, streams=1, silence=0.05)


def test_a_closed_session_frees_its_place_at_once():
    def slow(generator, requests):
        time.sleep(0.02)
        return make_gray(generator, requests)

    async def scenario(client, studio):
        others = [Client(studio) for _ in range(3)]
        for one in (client, *others):
            one.ask("play")
        await asyncio.sleep(0.01)
        for one in others:
            one.session.close()
        await asyncio.sleep(0.03)
        assert [studio.engine.place(one.stream.id) for one in others] == [0, 0, 0]
        await until(lambda: len(client.frames) == 8)
        assert not any(one.frames for one in others)

    run(scenario, slow, batch=1)


def test_the_clips_of_a_stream_are_bounded():
    async def scenario(client, studio):
        client.ask("play")
        for frame in range(3, 200, 4):
            await until(lambda frame=frame: len(client.frames) > frame)
            client.ask("shown", frame=frame)
        assert len(client.stream.timeline.clips) <= 10 and client.of("timeline")

    run(scenario, clips=10)


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ({"type": "dance"}, "there is no message of type 'dance'; send one of set, play, pause"),
        ({}, "there is no message of type 'None'"),
        ({"type": ["play"]}, "there is no message of type"),
        ({"type": "shown"}, "frame of the message is None; send a whole number of at least 0"),
        ({"type": "pause", "frame": -1}, "frame of the message is -1"),
        ({"type": "seek", "clip": "1"}, "clip of the message is 1"),
        ({"type": "show", "clip": 1}, "there is no clip 1 in this stream"),
        ({"type": "set", "settings": 1}, "the settings are no object"),
        ({"type": "set", "settings": {}, "version": 1e99}, "version of the message is 1e+99"),
    ],
)
def test_nonsense_is_one_sentence(message, words):
    async def scenario(client, studio):
        with pytest.raises(InputError) as error:
            client.session.handle(message)
        assert str(error.value).startswith(words)

    run(scenario)
