"""A real server on loopback: fifty clients at once, a slow one, and one whose tab is closed."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import websockets
from studio_stubs import FRAMES, make_gray, stub_studio

from pvdm.errors import InputError
from pvdm.studio import server
from pvdm.studio.access import Access
from pvdm.studio.app import Studio
from pvdm.studio.server import address_of, bound_socket

CLIENTS, CLIPS = 50, 4
HELLO = json.dumps({"type": "hello", "codecs": ["jpeg"], "buffer": 4})


def busy(generator, requests):
    """Takes as long as a real batch."""
    time.sleep(0.01)
    return make_gray(generator, requests)


@contextmanager
def served(studio: Studio, monkeypatch) -> Iterator[str]:
    """The address of a studio that is served in a thread until the block ends."""
    servers = []

    class Kept(server.uvicorn.Server):
        def __init__(self, config) -> None:
            super().__init__(config)
            servers.append(self)

    monkeypatch.setattr(server.uvicorn, "Server", Kept)
    bound = bound_socket("127.0.0.1", 0)
    address = address_of(studio, bound.getsockname()[1])
    thread = threading.Thread(target=server.serve, args=(studio, bound))
    thread.start()
    try:
        yield address.replace("http", "ws") + "stream"
    finally:
        servers[0].should_exit = True
        thread.join(10)
    assert not thread.is_alive()


async def watch(address: str, total: list[int], clips: int) -> int:
    """Plays as a page does until all clients together have had so many clips; how many frames came here."""
    frames = 0
    async with websockets.connect(address) as socket:
        await socket.send(HELLO)
        await socket.recv()
        total[0] += 1
        while total[0] < CLIENTS:  # all begin at once
            await asyncio.sleep(0.01)
        await socket.send('{"type": "play"}')
        while total[1] < clips * FRAMES:
            if isinstance(await socket.recv(), bytes):
                frames, total[1] = frames + 1, total[1] + 1
                if frames % FRAMES == 0:
                    await socket.send(json.dumps({"type": "shown", "frame": frames - 1}))
    return frames


async def stall(address: str) -> None:
    """Plays and reads nothing."""
    async with websockets.connect(address, max_queue=1) as socket:
        await socket.send(HELLO)
        await socket.send('{"type": "play"}')
        await asyncio.sleep(3600)


def test_fifty_clients_get_equal_shares_and_leave_nothing_behind(monkeypatch):
    studio = stub_studio(busy, streams=CLIENTS + 1)

    async def load(address: str) -> list[int]:
        slow = asyncio.ensure_future(stall(address))
        total = [0, 0]
        frames = await asyncio.gather(*(watch(address, total, CLIPS * CLIENTS) for _ in range(CLIENTS)))
        began = time.monotonic()
        slow.cancel()
        while len(studio.streams) and time.monotonic() < began + 5:
            await asyncio.sleep(0.01)
        assert not len(studio.streams)
        return frames

    with served(studio, monkeypatch) as address:
        frames = asyncio.run(load(address))
    assert max(frames) - min(frames) <= 2 * FRAMES
    assert not studio.engine._turns


def test_a_port_in_use_is_one_sentence():
    with bound_socket("127.0.0.1", 0) as one:
        one.listen()
        port = one.getsockname()[1]
        with pytest.raises(InputError) as error:
            bound_socket("127.0.0.1", port)
        assert str(error.value) == f"port {port} is in use; give another, such as --port {port + 1}"
    with pytest.raises(InputError, match=r"192.0.2.1 is no address of this machine; pass --host 127.0.0.1"):
        bound_socket("192.0.2.1", 0)
    with pytest.raises(InputError, match=r"no.such.host.invalid is no address"):
        bound_socket("no.such.host.invalid", 0)


def test_the_address_names_the_token_where_there_is_one():
    assert address_of(stub_studio(), 80) == "http://127.0.0.1:80/"
    assert address_of(stub_studio(access=Access("::1")), 80) == "http://[::1]:80/"
    open_to_all = address_of(stub_studio(access=Access("0.0.0.0", "abc")), 80)
    assert open_to_all.endswith(":80/?token=abc") and "0.0.0.0" not in open_to_all
