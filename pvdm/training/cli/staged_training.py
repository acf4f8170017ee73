"""Trains the stages of a recipe one after another, by `pvdm fit` in processes of their own."""

from __future__ import annotations

import json
import logging
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType
from typing import IO, Any

from pvdm.data.data_options import parse_options
from pvdm.errors import InputError
from pvdm.files.atomic_write import replacing
from pvdm.runtime.signals import exit_of
from pvdm.training.cli.command import parsed
from pvdm.training.cli.recipe import Recipe, RecipeStage, as_option

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

RECORD = "stages.json"
"""What has been trained in the folder: the stages that have begun, and the seconds of those that are finished."""

LOCK = ".stages.lock"

PASSED_ON = [getattr(signal, name) for name in ("SIGTERM", "SIGINT", "SIGUSR1", "SIGHUP") if hasattr(signal, name)]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class StagedTraining:
    """A training in stages, each with a folder of its own.

    Args:
        recipe: The stages.
        folder: Folder of the stages' folders.
        settings: Values of config keys for all stages, as KEY=VALUE; they override those of the recipe.
    """

    recipe: Recipe
    folder: Path
    settings: Sequence[str] = ()

    def commands(self, stage: RecipeStage) -> list[list[str]]:
        """The arguments of `pvdm` that train a stage: `fit`, after `encode` if it trains from cached latents.

        A budget limits the time of training.
        """
        more = [argument for text in self.settings for argument in as_option(text)]
        given = [*stage.arguments({"output": self.folder}), *more]
        limit = [] if stage.budget is None else ["--trainer.max_time", json.dumps({"seconds": stage.budget})]
        place = ["--trainer.default_root_dir", str(self.folder / stage.name)]
        fit = ["fit", *given, *stage.latent_arguments(self.folder), *limit, *place]
        if stage.encode is None:
            return [fit]
        return [["encode", *given, "--stride", str(stage.encode), "--output", str(stage.latents(self.folder))], fit]

    def check(self) -> None:
        """InputError for an option of any stage that `pvdm fit` would refuse; builds nothing."""
        for stage in self.recipe.stages:
            config = parsed(self.commands(stage)[-1][1:])
            parse_options(config.data.as_dict())

    def shown(self) -> str:
        """The commands of all stages, a line each, to be run one by one."""
        commands = [command for stage in self.recipe.stages for command in self.commands(stage)]
        return "\n".join(shlex.join(["pvdm", *command]) for command in commands) + "\n"

    def run(self) -> None:
        """Trains what is missing; the same call resumes after an interruption.

        InputError if the folder holds another training or is in use. SystemExit with the status of a command that
        fails or is stopped.
        """
        self.check()
        begun = self._begun()
        self.folder.mkdir(parents=True, exist_ok=True)
        with _locked(self.folder) as lock:
            for number, stage in enumerate(self.recipe.stages):
                if number < len(begun) and begun[number]["seconds"] is not None:
                    logger.info("stage %s is finished", stage.name)
                    continue
                begun = [*begun[:number], _entry(stage)]
                _store(self.folder / RECORD, begun)
                start = time.monotonic()
                logger.info("stage %s, %d of %d", stage.name, number + 1, len(self.recipe.stages))
                for command in self.commands(stage):
                    _call(command, lock)
                begun[number]["seconds"] = round(time.monotonic() - start, 1)
                _store(self.folder / RECORD, begun)
        logger.info("all stages are finished: %s", self.folder / self.recipe.stages[-1].name)

    def _begun(self) -> list[dict[str, Any]]:
        """The record of the stages that have begun; InputError unless they are the first ones of the recipe."""
        record = self.folder / RECORD
        if not record.is_file():
            if self.folder.is_dir() and any(file.name != LOCK for file in self.folder.iterdir()):
                raise InputError(f"{self.folder} holds other files", "choose another --output")
            return []
        try:
            read = json.loads(record.read_text(encoding="utf-8"))
            begun = [{"stage": entry["stage"], "seconds": entry["seconds"]} for entry in read]
            names = [entry["stage"]["name"] for entry in begun]
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"{record} is damaged", "choose another --output") from error
        known = [_entry(stage)["stage"] for stage in self.recipe.stages]
        for number, name in enumerate(names):
            if begun[number]["stage"] not in known[number : number + 1]:
                raise InputError(
                    f"{self.folder} holds a training by another recipe, whose stage {name} differs",
                    "choose another --output",
                )
        return begun


def _entry(stage: RecipeStage) -> dict[str, Any]:
    """A stage in the record, not yet finished."""
    return {"stage": json.loads(json.dumps(asdict(stage))), "seconds": None}


def _call(arguments: Sequence[str], lock: IO[str]) -> None:
    """A command of ours, to which signals are passed on; SystemExit with its status if that is not 0.

    It has a session of its own, so that Ctrl-C reaches it once. It holds the lock as long as it lives, even if this
    process is killed.
    """
    running: list[subprocess.Popen] = []

    def pass_on(number: int, frame: FrameType | None) -> None:
        if not running:
            raise exit_of(number)
        running[0].send_signal(number)

    with _handled_by(pass_on):
        call = [sys.executable, "-m", "pvdm.cli", *arguments]
        running.append(subprocess.Popen(call, start_new_session=True, pass_fds=[lock.fileno()]))
        status = running[0].wait()
    if status:
        raise SystemExit(status if status > 0 else 128 - status)


@contextmanager
def _handled_by(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Signals that would end this process go to the handler; outside the main thread, none do."""
    numbers = PASSED_ON if threading.current_thread() is threading.main_thread() else []
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)


@contextmanager
def _locked(folder: Path) -> Iterator[IO[str]]:
    """Holds the lock of a folder; InputError if another process has it. Without effect where there are no locks."""
    with (folder / LOCK).open("w") as lock:
        if fcntl is not None:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                problem = f"a stage in {folder} is being trained by another process"
                raise InputError(problem, "wait for it, or end it") from error
        yield lock


def _store(file: Path, begun: Sequence[Mapping[str, Any]]) -> None:
    with replacing(file, overwrite=True) as temporary:
        temporary.write_text(json.dumps(begun, indent=1) + "\n", encoding="utf-8")
