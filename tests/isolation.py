"""Commands in processes of their own, forked from one that has imported everything and computed nothing.

So a crash or a hang is seen for what it is, standard error is what a terminal would show, and a command costs no
import. Run as a script, this file is that process.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import resource
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

IMPORTED = (
    "fuzzing",
    "lpips",
    "pvdm.cli",
    "pvdm.commands.convert",
    "pvdm.commands.export",
    "pvdm.commands.extend",
    "pvdm.commands.reconstruct",
    "pvdm.commands.sample",
    "pvdm.generation.released",
    "pvdm.generation.generator",
    "pvdm.training.autoencoder_training",
    "pvdm.training.cli.command",
    "pvdm.video.clip",
    "pvdm.video.writer",
    "safetensors.torch",
    "tensorboard.compat.proto.event_pb2",
    "torch.utils.tensorboard",
)

READ_ONCE = ("-c", "configs/diffusion.yaml", "--data.path=", "--model.autoencoder=")
"""Options of `pvdm fit`; reading them for the first time takes a third longer."""


@dataclass(frozen=True)
class Job:
    """A function of a module, its arguments, and where and within which limits it runs; 0 file_size is unlimited."""

    arguments: list[str]
    folder: str
    target: str = "pvdm.cli:main"
    seconds: float = 60.0
    file_size: int = 0
    interrupt_after: float = 0.0
    environment: dict[str, str] = field(default_factory=dict)
    lasts: bool = False
    """Whether it goes on while others run; nobody learns of its end."""


@dataclass(frozen=True)
class Ended:
    """How it ended: exit status, negative for a signal, None for a hang; and what it wrote."""

    status: int | None
    out: str
    err: str
    seconds: float


class Isolation:
    """Runs jobs one after another; a context manager."""

    def __enter__(self) -> Isolation:
        environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
        paths = [str(Path(__file__).parents[1]), str(Path(__file__).parent), environment.get("PYTHONPATH", "")]
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
        self._server = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stdin.close()
        self._server.wait()

    def __call__(self, arguments: Sequence[object], folder: Path, **limits: Any) -> Ended:
        """The end of `pvdm ARGUMENTS`, or of another target, in a folder."""
        job = Job([str(argument) for argument in arguments], str(folder), **limits)
        print(json.dumps(asdict(job)), file=self._server.stdin, flush=True)
        return Ended(**json.loads(self._server.stdout.readline()))


def serve() -> None:
    """Answers each line of standard input, a job, with a line, its end."""
    gc.disable()  # imports leave no garbage
    for name in IMPORTED:
        import_module(name)
    import_module("pvdm.training.cli.command").parsed(READ_ONCE)
    gc.freeze()  # so that no child goes through what is imported
    gc.enable()
    atexit.register(gc.unfreeze)  # else extension modules report leaks when the process ends
    for line in sys.stdin:
        print(json.dumps(asdict(run(Job(**json.loads(line))))), flush=True)  # noqa: T201


def run(job: Job) -> Ended:
    """Forks, and waits no longer than the job may take."""
    start, pipes = time.monotonic(), [os.pipe(), os.pipe()]
    child = os.fork()
    if child == 0:
        _become(job, *(write for _, write in pipes))
    if job.lasts:
        for number in sum(pipes, ()):
            os.close(number)
        return Ended(None, "", "", 0.0)
    for read, write in pipes:
        os.close(write)
        os.set_blocking(read, False)
    texts = {read: b"" for read, _ in pipes}
    status = _wait(child, job, texts)
    _collect(texts)
    for read in texts:
        os.close(read)
    return Ended(status, *(text.decode(errors="replace") for text in texts.values()), time.monotonic() - start)


def _wait(child: int, job: Job, texts: dict[int, bytes]) -> int | None:
    start, interrupted = time.monotonic(), job.interrupt_after == 0
    while time.monotonic() < start + job.seconds:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if not interrupted and time.monotonic() > start + job.interrupt_after:
            os.kill(child, signal.SIGINT)
            interrupted = True
        _collect(texts)
        time.sleep(0.002)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def _collect(texts: dict[int, bytes]) -> None:
    """What has come through the pipes (a file would count against the limit of file sizes)."""
    for read in texts:
        with suppress(BlockingIOError):
            while piece := os.read(read, 1 << 16):
                texts[read] += piece


def _become(job: Job, out: int, err: int) -> None:
    """What the child does; it never returns."""
    status = 1
    try:
        os.setsid()
        signal.signal(signal.SIGINT, signal.default_int_handler)  # shells have their background jobs ignore it
        os.chdir(job.folder)
        os.environ.update(job.environment)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(out, 1)
        os.dup2(err, 2)
        if job.file_size:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (job.file_size, job.file_size))
        module, name = job.target.split(":")
        status = getattr(import_module(module), name)(job.arguments) or 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    serve()
