"""Runs of `pvdm` in processes of their own, which tests may kill, and what two runs must have in common."""

from __future__ import annotations

import io
import json
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import pytest
import torch
from isolation import Isolation
from PIL import Image, ImageSequence
from pytest import LogCaptureFixture
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from pvdm.cli import main
from pvdm.training.callbacks.averaging import RAW

PATIENCE = 120
"""Seconds after which a process that has not ended is taken to hang."""


@dataclass
class Run:
    """A command under way, in one process or in several; `server` says how they end."""

    pids: list[int]
    output: Path
    server: TextIO

    def kill(self, number: int, *, rank: int = 0, group: bool = False) -> None:
        """Sends a signal, if the process is there to get it, to it or also to its workers."""
        with suppress(ProcessLookupError):
            (os.killpg if group else os.kill)(self.pids[rank], number)

    def wait_for(self, happens: Callable[[str], bool]) -> None:
        """Returns once `happens(text so far)` or the process has ended."""
        end = time.monotonic() + PATIENCE
        while not happens(self.output.read_text()) and not self._ended():
            assert time.monotonic() < end, self.output.read_text()
            time.sleep(0.005)

    def wait(self) -> int | list[int]:
        """The exit status, negative if a signal killed it; of several processes, a list of them."""
        signal.signal(signal.SIGALRM, self._hangs)
        signal.alarm(PATIENCE)
        statuses = json.loads(self.server.readline())
        signal.alarm(0)
        return statuses if len(statuses) > 1 else statuses[0]

    def _ended(self) -> bool:
        """Whether the first process is gone, also if nobody has asked for its status yet."""
        try:
            state = Path(f"/proc/{self.pids[0]}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        return state == "Z"

    def _hangs(self, *_: object) -> None:
        for rank in range(len(self.pids)):
            self.kill(signal.SIGKILL, rank=rank, group=True)
        raise AssertionError(f"the run hangs: {self.output.read_text()}")


class Forks:
    """Starts commands one after the other, each in a new process or in several that train together."""

    def __init__(self, folder: Path, isolation: Isolation) -> None:
        self.folder, self.count = folder, 0
        with socket.create_server(("127.0.0.1", 0)) as listening:
            port = listening.getsockname()[1]
            isolation([port], Path.cwd(), target=f"training.runs:{serve.__name__}", lasts=True)
            self.connection, _ = listening.accept()
        self.server = self.connection.makefile("rw")

    def start(self, arguments: list[str], *, processes: int = 1, last: Sequence[object] = ()) -> Run:
        """`last`: more arguments for the last of the processes."""
        self.count += 1
        output = self.folder / f"output-{self.count}"
        environments = _ranks(processes) if processes > 1 else [{}]
        output.touch()
        request = {"environments": environments, "output": str(output)}
        request["arguments"] = [[str(part) for part in arguments] for _ in environments]
        request["arguments"][-1] += [str(part) for part in last]
        print(json.dumps(request), file=self.server, flush=True)
        return Run(json.loads(self.server.readline()), output, self.server)

    def run(self, arguments: list[str], *, processes: int = 1) -> str:
        """The output of a whole run, which must succeed."""
        run = self.start(arguments, processes=processes)
        assert not any([run.wait()] if processes == 1 else run.wait()), run.output.read_text()
        return run.output.read_text()

    def close(self) -> None:
        self.server.close()
        self.connection.close()


def serve(arguments: Sequence[str]) -> int:
    """Forks processes for the commands that it is asked for at a port, and says which they are and how they end."""
    with socket.create_connection(("127.0.0.1", int(arguments[0]))) as asked, asked.makefile("rw") as lines:
        for line in lines:
            request = json.loads(line)
            starts = zip(request["environments"], request["arguments"], strict=True)
            pids = [_forked(environment, words, request["output"]) for environment, words in starts]
            print(json.dumps(pids), file=lines, flush=True)
            ends = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]
            print(json.dumps(ends), file=lines, flush=True)
    return 0


def _forked(environment: dict[str, str], arguments: list[str], output: str) -> int:
    """A process that runs a command."""
    if pid := os.fork():
        return pid
    torch.set_num_threads(1)  # here: a thread pool that is forked with can abort the process
    os.setsid()
    os.environ.update(environment)
    written = os.open(output, os.O_WRONLY | os.O_APPEND)
    os.dup2(written, 1)
    os.dup2(written, 2)
    sys.argv = ["pvdm", *arguments]
    sys.exit(main(arguments))


def _ranks(processes: int) -> list[dict[str, str]]:
    """What torchrun tells each of its processes."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "TORCHELASTIC_RUN_ID": "test", "GROUP_RANK": 0}
    shared |= {"WORLD_SIZE": processes, "LOCAL_WORLD_SIZE": processes, "GLOO_SOCKET_IFNAME": "lo"}
    ranks = [{**shared, "RANK": rank, "LOCAL_RANK": rank} for rank in range(processes)]
    return [{name: str(value) for name, value in names.items()} for names in ranks]


def tensors(tree: Any, prefix: str = "") -> dict[str, torch.Tensor]:
    """All tensors of a checkpoint by their place in it."""
    if isinstance(tree, torch.Tensor):
        return {prefix: tree}
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, (list, tuple)) else ()
    return {place: value for key, part in items for place, value in tensors(part, f"{prefix}/{key}").items()}


def assert_same_training(found: dict, wanted: dict) -> None:
    """Average, raw weights, moments, rates and places in the data are equal to the bit."""
    for part in ("state_dict", RAW, "optimizer_states", "lr_schedulers"):
        left, right = tensors(found[part]), tensors(wanted[part])
        assert left.keys() == right.keys()
        different = [name for name in right if not torch.equal(left[name], right[name])]
        assert not different, (part, different)
    for part in ("lr_schedulers", "global_step"):
        assert found[part] == wanted[part]
    for part in ("epoch_loop.batch_progress", "epoch_progress"):
        assert found["loops"]["fit_loop"][part] == wanted["loops"]["fit_loop"][part]


def refusal(caplog: LogCaptureFixture, *command: Any) -> str:
    """The one sentence with which a command ends."""
    caplog.clear()
    assert main([str(part) for part in command]) == 2
    (message,) = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert message.startswith("pvdm: error: ")
    assert "\n" not in message
    return message


def scalars(folder) -> dict[str, list[tuple[int, float]]]:
    events = EventAccumulator(str(folder))
    events.Reload()
    return {tag: [(event.step, event.value) for event in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


def last(folder):
    path = folder / "checkpoints" / "last.ckpt"
    return path.exists() and path


def assert_same_scalars(found, wanted):
    """All that is logged but the speed, which processes divide."""
    found, wanted = scalars(found), scalars(wanted)
    assert found.keys() == wanted.keys()
    for name in (name for name in wanted if "per_second" not in name):
        assert found[name] == [(step, pytest.approx(value, rel=1e-3, abs=1e-6)) for step, value in wanted[name]], name


def errors(run):
    text = run.output.read_text()
    assert "Traceback" not in text
    return [line for line in text.splitlines() if line.startswith("pvdm: error")]


def frames_of(data: bytes) -> torch.Tensor:
    """(3, t, h, w) uint8 of a GIF."""
    frames = [np.array(frame.convert("RGB")) for frame in ImageSequence.Iterator(Image.open(io.BytesIO(data)))]
    return torch.from_numpy(np.stack(frames)).permute(3, 0, 1, 2)


def logged(run) -> dict[str, dict[int, bytes]]:
    """Name of a video -> the GIF at each step."""
    events = EventAccumulator(str(run), size_guidance={"images": 0})
    events.Reload()
    tags = events.Tags()["images"]
    assert all(tag.startswith("videos/") for tag in tags)
    return {
        tag.removeprefix("videos/"): {event.step: event.encoded_image_string for event in events.Images(tag)}
        for tag in tags
    }
