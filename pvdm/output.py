"""Output that is either whole or absent: written beside its name and renamed at the end."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pvdm.errors import InputError


def check_output(path: Path, *, overwrite: bool = False) -> None:
    """InputError if something lies at `path` already and may not be overwritten."""
    if path.exists() and not overwrite:
        raise InputError(f"{path} exists already; pass --overwrite (overwrite=True) or choose another name")


@contextmanager
def replacing(path: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """A temporary name beside `path` for a file or folder, renamed to it when the block succeeds.

    When the block fails, what it had written is removed. InputError if `path` exists and is not to be
    overwritten, or if its folder cannot be written.
    """
    check_output(path, overwrite=overwrite)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        _remove(path)
        temporary.rename(path)
    except (PermissionError, FileExistsError, NotADirectoryError) as error:
        raise InputError(f"{path} cannot be written ({error.strerror}); choose another place") from error
    finally:
        _remove(temporary)


def _remove(path: Path) -> None:
    """Deletes a file or a folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
