"""Runs of `pvdm` in processes of their own, which tests may kill, and what two runs must have in common."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from pvdm.training.averaging import RAW

PATIENCE = 120
"""Seconds after which a process that has not ended is taken to hang."""

SERVER = """
import json, os, sys, torch
torch.set_num_threads(1)
from pvdm.cli import main
import pvdm.training.command
for line in sys.stdin:
    request = json.loads(line)
    child = os.fork()
    if child == 0:
        os.setsid()
        output = os.open(request["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(output, 1), os.dup2(output, 2)
        sys.argv = ["pvdm", *request["arguments"]]
        sys.exit(main(request["arguments"]))
    print(child, flush=True)
    _, status = os.waitpid(child, 0)
    print(os.waitstatus_to_exitcode(status), flush=True)
"""
"""Has imported everything once, and forks a process for each command: importing takes longer than training."""


@dataclass
class Run:
    """A command under way; `server` says how it ends."""

    pid: int
    output: Path
    server: subprocess.Popen

    def kill(self, number: int, *, group: bool = False) -> None:
        """Sends a signal, if the process is there to get it, to it or also to its workers."""
        with suppress(ProcessLookupError):
            (os.killpg if group else os.kill)(self.pid, number)

    def wait_for(self, happens: Any) -> None:
        """Returns once `happens(text so far)` or the process has ended."""
        end = time.monotonic() + PATIENCE
        while not happens(self.output.read_text()) and Path(f"/proc/{self.pid}").exists():
            assert time.monotonic() < end, self.output.read_text()
            time.sleep(0.005)

    def wait(self) -> int:
        """The exit status, negative if a signal killed it."""
        signal.signal(signal.SIGALRM, self._hangs)
        signal.alarm(PATIENCE)
        status = int(self.server.stdout.readline())
        signal.alarm(0)
        return status

    def _hangs(self, *_: Any) -> None:
        self.kill(signal.SIGKILL, group=True)
        raise AssertionError(f"the run hangs: {self.output.read_text()}")


class Forks:
    """Starts commands one after the other, each in a new process."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.count = folder, 0
        self.server = subprocess.Popen([sys.executable, "-c", SERVER], stdin=-1, stdout=-1, text=True)

    def start(self, arguments: list[str]) -> Run:
        self.count += 1
        output = self.folder / f"output-{self.count}"
        request = {"arguments": [str(argument) for argument in arguments], "output": str(output)}
        output.touch()
        self.server.stdin.write(json.dumps(request) + "\n")
        self.server.stdin.flush()
        return Run(int(self.server.stdout.readline()), output, self.server)

    def run(self, arguments: list[str]) -> None:
        """A whole run, which must succeed."""
        run = self.start(arguments)
        assert run.wait() == 0, run.output.read_text()

    def close(self) -> None:
        self.server.stdin.close()
        self.server.wait(PATIENCE)


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
