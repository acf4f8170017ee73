"""Starts the training of a trial in a process of its own, follows its validations, and stops it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NoReturn

from pvdm.errors import InputError
from pvdm.training.search.validation_record import Validation, ValidationReader

OUTPUT = "output.log"
"""What the training prints, in the folder of the trial."""

POLL = 0.2
"""Seconds between two looks at the record of validations."""

PATIENCE = 600
"""Seconds that a stopped training has for its last batch and checkpoint."""

ERROR = "pvdm: error: "
"""Beginning of the line with the sentence of an error, as the training writes it."""


class TrialFailed(Exception):
    """The training ended with an error; the text is its sentence, or the last line of its output."""


class TrialProcess:
    """A training with these options of `pvdm fit`, in this folder; one that was stopped there before is resumed.

    Use it as a context; leaving the block stops the training if it still runs.
    """

    def __init__(self, folder: Path, options: Sequence[str]) -> None:
        self.folder = folder
        self._reader = ValidationReader(folder)
        module = f"{__package__}.trial_run"
        command = [sys.executable, "-m", module, str(folder), *options, f"--trainer.default_root_dir={folder}"]
        with (folder / OUTPUT).open("ab") as output:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,  # its end tells the training that this process is gone
                stdout=output,
                stderr=output,
                start_new_session=True,  # Ctrl-C reaches this process alone, which stops the training
            )

    def __enter__(self) -> TrialProcess:
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def validations(self) -> Iterator[Validation]:
        """Yields each validation, those before a resumption too, until training ends; TrialFailed if it fails."""
        while True:
            has_ended = self._process.poll() is not None
            yield from self._reader.new()
            if has_ended:
                break
            try:
                self._process.wait(POLL)
            except subprocess.TimeoutExpired:
                continue
        if self._process.returncode:
            self._fail()

    def stop(self) -> None:
        """Ends the training, which saves what it has reached."""
        self._process.stdin.close()
        try:
            self._process.wait(PATIENCE)
        except BaseException:  # a second Ctrl-C, too
            self._process.kill()
            raise

    def _fail(self) -> NoReturn:
        lines = (self.folder / OUTPUT).read_text(encoding="utf-8", errors="replace").splitlines()
        said = next((line for line in reversed(lines) if line.strip()), "it printed nothing")
        told = next((line.removeprefix(ERROR) for line in reversed(lines) if line.startswith(ERROR)), said)
        status = self._process.returncode
        raise TrialFailed(told if status > 0 else f"signal {-status} ended it")


def unusable(name: str, validation: Validation) -> InputError:
    """The error for a metric that a validation does not have."""
    known = ", ".join(sorted(name for name in validation.metrics if name.startswith("val/")))
    return InputError(f"there is no metric {name} among those of a validation ({known})", "give one as --metric")
