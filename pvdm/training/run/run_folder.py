"""The folder of a run: whether it is writable, its config, and what to delete if the run never starts."""

from __future__ import annotations

import os
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.cli import SaveConfigCallback
from pytorch_lightning.trainer.states import TrainerFn

from pvdm.errors import InputError
from pvdm.files.atomic_write import write_through
from pvdm.training.run.resumed_settings import SETTINGS, tell_changes

MADE_BEFORE_TRAINING = ("events.out.tfevents.*", "hparams.yaml", "config.yaml", ".config.*.yaml")
"""Files that Lightning and the loggers create before anything is known to work."""

EMPTY_FOLDERS = ("checkpoints", "predictions")


class RunFolder:
    """Remembers the content of a folder, which need not exist yet."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._above = [folder for folder in (path, *path.parents) if not _is_folder(folder)]
        self._before = set() if self._above else {entry.name for entry in path.iterdir()}

    def check_writable(self) -> None:
        """Makes the folder; InputError if it or a file in it cannot be created. All processes may call it at once."""
        probe = self.path / f".writable.{os.getpid()}"
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            probe.touch()
            probe.unlink(missing_ok=True)  # on another machine a process may have the same number
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise InputError(
                f"the folder of the run, {self.path}, cannot be written ({reason})",
                "choose another as --trainer.default_root_dir",
            ) from error

    def clear(self) -> None:
        """Deletes what a run that never started has left: nothing that was there before, and no folder with content.

        Only for rank zero, which creates these files.
        """
        for pattern in MADE_BEFORE_TRAINING:
            for file in self.path.glob(pattern) if _is_folder(self.path) else ():
                if file.name not in self._before:
                    file.unlink(missing_ok=True)
        empty = [self.path / name for name in EMPTY_FOLDERS if name not in self._before]
        for folder in (*empty, *self._above):
            with suppress(OSError, ValueError):  # not empty, or never made
                folder.rmdir()


class ConfigOfRun(SaveConfigCallback):
    """Writes `config.yaml` when training starts, so that a refused command does not replace that of the run.

    Each checkpoint holds its text too; a resumed run logs how the present config differs.
    """

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Writes nothing yet: the command may still be refused."""

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        folder = trainer.log_dir  # a collective call: all processes must make it
        if trainer.is_global_zero:
            write_through(Path(folder) / self.config_filename, self._text.encode())
        self.already_saved = True

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        checkpoint[SETTINGS] = self._text

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        if SETTINGS in checkpoint and trainer.state.fn == TrainerFn.FITTING and trainer.is_global_zero:
            tell_changes(checkpoint[SETTINGS], self._text)

    @cached_property
    def _text(self) -> str:
        """Made once: it would cost each checkpoint a tenth of a second."""
        return self.parser.dump(self.config, skip_none=False)


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):  # the name is too long, or invalid
        return False
