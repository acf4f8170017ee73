"""Measures the studio by clients of its own.

    python measure.py FIGURES.json [MODEL]

The server is `pvdm studio` in a process of its own. Clients show each frame as soon as it comes. `load` is that of the
machine during a measurement; processor time hardly depends on it.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import struct
import subprocess
import sys
import urllib.request
from pathlib import Path
from statistics import median
from time import monotonic, sleep

import websockets

HEADER = struct.Struct(">BBHIII")
CLIPS, REPEATS, CLIENTS, CROWD_CLIPS, LONG_CLIPS = 15, 3, 50, 2, 200
PATIENCE = 120.0


class Client:
    """A client that shows frames as they come."""

    def __init__(self, connection: websockets.ClientConnection) -> None:
        self._connection, self.frames, self.clips, self.place = connection, 0, {}, 0

    @classmethod
    async def connected(cls, port: int, codec: str = "h264", buffer: int = 32) -> Client:
        client = cls(await websockets.connect(f"ws://127.0.0.1:{port}/stream", max_size=None))
        await client.ask("hello", codecs=[codec], buffer=buffer)
        return client

    async def ask(self, kind: str, **values) -> None:
        await self._connection.send(json.dumps({"type": kind, **values}))

    async def next(self) -> dict | tuple[int, ...]:
        """The next message, or the header of the next frame with the payload's bytes after it."""
        item = await asyncio.wait_for(self._connection.recv(), PATIENCE)
        if isinstance(item, str):
            message = json.loads(item)
            if message["type"] == "clip":
                self.clips[message["id"]] = message
            if message["type"] == "status":
                self.place = max(self.place, message["place"])
            return message
        header = (*HEADER.unpack(item[:16]), len(item) - 16)
        self.frames += 1
        if self.frames % 4 == 0:
            await self.ask("shown", frame=header[3])
        return header

    async def frame(self, **wanted: int) -> tuple[int, ...]:
        """The first frame from now on that is of this version."""
        while True:
            item = await self.next()
            if isinstance(item, tuple) and item[5] >= wanted.get("version", 0):
                return item

    async def until(self, kind: str) -> dict:
        while True:
            item = await self.next()
            if isinstance(item, dict) and item["type"] == kind:
                return item

    async def close(self) -> None:
        await self._connection.close()

    def leave(self) -> None:
        """Goes without a word, as a closed tab does."""
        self._connection.transport.abort()


async def alone(port: int, steps: int, codec: str) -> dict[str, float]:
    """One client: first frame, sustained rate, from a change to its first frame, pause."""
    client = await Client.connected(port, codec)
    await client.ask("set", settings={"steps": steps}, version=1)
    firsts, pauses, changes, rates, sizes = [], [], [], [], []
    for repeat in range(REPEATS):
        began = monotonic()
        await client.ask("new_scene")
        await client.ask("play")
        await client.frame()
        firsts.append(monotonic() - began)
        began, before = monotonic(), client.frames
        for _ in range(CLIPS * 16 // REPEATS):
            sizes.append((await client.frame())[-1])
        rates.append((client.frames - before) / (monotonic() - began))
        began = monotonic()
        await client.ask("set", settings={"seed": repeat}, version=repeat + 2)
        await client.frame(version=repeat + 2)
        changes.append(monotonic() - began)
        began = monotonic()
        await client.ask("pause")
        await client.until("paused")
        pauses.append(monotonic() - began)
    await client.close()
    return {
        "clips": len(client.clips),
        "steps": steps,
        "codec": codec,
        "first_frame_ms": round(1000 * median(firsts), 1),
        "frames_per_second": round(median(rates), 1),
        "change_ms": round(1000 * median(changes), 1),
        "pause_ms": round(1000 * median(pauses), 1),
        "largest_pause_ms": round(1000 * max(pauses), 1),
        "bytes_a_frame": round(sum(sizes) / len(sizes)),
    }


async def crowd(port: int) -> dict[str, float]:
    """Many clients at 4 steps, all begun at once, of which each sees some clips."""
    clients = [await Client.connected(port, buffer=16) for _ in range(CLIENTS)]
    waits = []

    async def watch(client: Client) -> float:
        began = monotonic()
        await client.ask("play")
        await client.frame()
        waits.append(monotonic() - began)
        while client.frames < CROWD_CLIPS * 16:
            await client.frame()
        return monotonic() - began

    began = monotonic()
    ends = await asyncio.gather(*map(watch, clients))
    seconds = monotonic() - began
    batches = [clip["batch"] for client in clients for clip in client.clips.values()]
    began = monotonic()
    for client in clients:
        client.leave()
    while (left := await streams(port)) and monotonic() - began < PATIENCE:
        await asyncio.sleep(0.01)
    return {
        "clients": CLIENTS,
        "frames_per_second": round(CLIENTS * CROWD_CLIPS * 16 / seconds, 1),
        "first_frame_ms": round(1000 * median(waits), 1),
        "last_first_frame_ms": round(1000 * max(waits), 1),
        "slowest_over_fastest": round(max(ends) / min(ends), 2),
        "mean_batch": round(sum(batches) / len(batches), 1),
        "farthest_place": max(client.place for client in clients),
        "freed_after_ms": round(1000 * (monotonic() - began), 1) if not left else None,
    }


async def streams(port: int) -> int:
    """How many other streams are open."""
    client = await Client.connected(port)
    found = (await client.until("status"))["streams"] - 1
    await client.close()
    return found


async def memory(port: int, process: int) -> dict[str, float]:
    """Resident memory while one client sees many clips at 2 steps."""
    client = await Client.connected(port)
    await client.ask("set", settings={"steps": 2})
    await client.ask("play")
    found = {}
    for part in (1, 2, 3, 4):
        while len(client.clips) < part * LONG_CLIPS // 4:
            await client.next()
        found[f"after_{part * LONG_CLIPS // 4}_clips_mb"] = round(resident(process), 1)
    await client.close()
    return found


def resident(process: int) -> float:
    """MB of a process."""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def processor_seconds(process: int) -> float:
    """Seconds of a process on all cores."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return bound.getsockname()[1]


def answered(port: int, began: float) -> float:
    """Seconds until the server answers."""
    while monotonic() - began < PATIENCE:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/model", timeout=PATIENCE):
                return monotonic() - began
        except OSError:
            sleep(0.05)
    raise TimeoutError("the server does not answer")


def main(output: str, model: str = "pvdm/sprites-64") -> None:
    port, began = free_port(), monotonic()
    server = subprocess.Popen([sys.executable, "-m", "pvdm", "studio", model, "--port", str(port)])
    try:
        found = {
            "model": model,
            "cores": os.cpu_count(),
            "threads": os.environ.get("OMP_NUM_THREADS"),
            "answers_after_s": round(answered(port, began), 1),
        }
        asyncio.run(alone(port, 2, "h264"))  # warms up
        found["alone"] = []
        for steps, codec in ((2, "h264"), (4, "h264"), (4, "jpeg"), (20, "h264")):
            before, load = processor_seconds(server.pid), os.getloadavg()[0]
            row = asyncio.run(alone(port, steps, codec))
            used = (processor_seconds(server.pid) - before) / row.pop("clips")
            row |= {"processor_ms_a_clip": round(1000 * used, 1), "frames_a_processor_second": round(16 / used)}
            found["alone"].append({**row, "load": round(load, 1)})
            print(json.dumps(found["alone"][-1]), flush=True)
        found["crowd"] = {**asyncio.run(crowd(port)), "load": round(os.getloadavg()[0], 1)}
        print(json.dumps(found["crowd"]), flush=True)
        found["memory"] = asyncio.run(memory(port, server.pid))
        print(json.dumps(found["memory"]), flush=True)
    finally:
        server.terminate()
        server.wait()
    Path(output).write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
