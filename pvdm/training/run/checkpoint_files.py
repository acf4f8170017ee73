"""Writes checkpoints atomically: a file is always the complete old or the complete new one."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from lightning_fabric.plugins import TorchCheckpointIO

from pvdm.errors import InputError
from pvdm.files.pickles import DamagedFile, read_pickle
from pvdm.generation.model_files import DIVERGED
from pvdm.runtime.finite import check_finite
from pvdm.training.callbacks.averaging import RAW

BEST, LAST = "best.ckpt", "last.ckpt"
"""Names of the two checkpoints in a run's folder."""


class CheckpointFiles(TorchCheckpointIO):
    """Writes to a temporary name, syncs it to the disk and renames it; reads without running code."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        """InputError if the file cannot be written; the previous one is then untouched."""
        path = Path(path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _replace(path, checkpoint)
        except (OSError, RuntimeError) as error:
            if (refused := _system_error(error)) is None:
                raise
            raise InputError(
                f"the checkpoint {path} cannot be written ({refused.strerror or refused}), the previous one is kept",
                "free space or fix the permissions, and run the same command again",
            ) from error

    def load_checkpoint(
        self, path: str | Path, map_location: Callable | None = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        """The checkpoint on the CPU; InputError if it is absent, damaged or holds code, or weights are not finite."""
        path = Path(path)
        try:
            checkpoint = read_pickle(path)
        except DamagedFile as error:
            best = path.with_name(BEST)
            if path.name != LAST or not best.is_file():
                raise
            raise InputError(
                f"{path} cannot be read, it is damaged or not a checkpoint",
                f"resume from the best model so far with --ckpt_path {best}, or delete it to start over",
            ) from error
        for weights in (checkpoint.get("state_dict"), checkpoint.get(RAW)):
            check_finite(weights or {}, path, DIVERGED)
        return checkpoint


def remove_leftovers(folder: Path) -> None:
    """Deletes the temporary files of a process that was killed while it wrote a checkpoint."""
    for path in folder.glob(".*.tmp"):
        if re.fullmatch(r"\..+\.\d+\.tmp", path.name):
            path.unlink(missing_ok=True)


def _replace(path: Path, checkpoint: dict[str, Any]) -> None:
    """Replaces a file after the new one is on the disk, not only in a cache."""
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            torch.save(checkpoint, file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Syncs a renaming to the disk where the system can do that for a folder; the file itself is there already."""
    if os.name != "posix":
        return
    with suppress(OSError):
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)


def _system_error(error: BaseException | None) -> OSError | None:
    """The error of the system, also if PyTorch wrapped it in one of its own."""
    while error is not None and not isinstance(error, OSError):
        error = error.__cause__ or error.__context__
    return error
