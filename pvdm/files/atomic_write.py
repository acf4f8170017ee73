"""Atomic output: written under a temporary name and renamed when it is complete."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile

from pvdm.errors import InputError


def check_output(path: Path, *, overwrite: bool = False, own: Sequence[str] | None = None) -> None:
    """InputError if `path` exists and must not be overwritten.

    own: Patterns of the names that an existing folder may contain; a folder with anything else is never overwritten.
    """
    if path.name in ("", "..") or "\0" in str(path):
        raise InputError(f"{path} is not a valid output name", "give the name of a new file or folder")
    with _refusals_named(path):
        if not path.exists():
            return
        entries = list(path.iterdir()) if path.is_dir() else []
        is_special = not path.is_dir() and not path.is_file()
    if not overwrite:
        raise InputError(f"{path} exists already", "pass --overwrite (in Python overwrite=True) or choose another name")
    if is_special:
        raise InputError(f"{path} is not a regular file and cannot be replaced", "choose another name")
    foreign = [] if own is None else [entry.name for entry in entries if not any(map(entry.match, own))]
    if foreign:
        raise InputError(f"{path} holds {min(foreign)}, which would be lost", "choose another name")


def check_output_file(path: Path, *, overwrite: bool = False, inputs: Sequence[str | Path | None] = ()) -> None:
    """InputError if no file can be written to `path`, or if that would overwrite a folder or one of `inputs`.

    For work that takes hours and writes its result at the end: writing is tried, and leaves nothing behind.
    """
    check_output(path, overwrite=overwrite, own=())
    with _refusals_named(path):
        if path.exists() and any(path.resolve() == Path(given).resolve() for given in inputs if given):
            raise InputError(f"{path} is an input and would be overwritten", "choose another name")
        parent = next(folder for folder in path.absolute().parents if folder.exists())
        with TemporaryFile(dir=parent):
            pass


@contextmanager
def replacing(path: Path, *, overwrite: bool = False, own: Sequence[str] | None = None) -> Iterator[Path]:
    """A temporary name beside `path` for a file or folder, renamed to `path` when the block succeeds.

    If the block fails, what it has written is removed. InputError if `path` must not be overwritten (see
    `check_output`) or cannot be written.
    """
    check_output(path, overwrite=overwrite, own=own)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    missing = missing_parents(path)
    with _refusals_named(path):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            yield temporary
            put_in_place(temporary, path)
        except InputError as error:  # about a file in the folder: it should name the final place
            parts = (part.replace(str(temporary), str(path)) for part in (error.problem, error.template))
            raise InputError(*parts, option=error.option) from error
        finally:
            remove(temporary)
            remove_empty(missing)


def write_through(path: Path, content: bytes) -> None:
    """Replaces a file, synchronized to disk before it is renamed, so that a power failure cannot leave it empty."""
    with replacing(path, overwrite=True) as temporary, temporary.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    with suppress(OSError):  # not every system can synchronize a folder
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def missing_parents(path: Path) -> list[Path]:
    """The parent folders of `path` that do not exist yet, the deepest first."""
    return [folder for folder in path.parents if not folder.exists()]


def remove_empty(folders: Sequence[Path]) -> None:
    """Deletes those of the folders, given from the deepest, that are empty."""
    for folder in folders:
        with suppress(OSError):  # it is not empty, or was never created
            folder.rmdir()


def put_in_place(temporary: Path, path: Path) -> None:
    """Renames `temporary` to `path`; an existing folder is deleted only after the new one is in place.

    A file replaces another in a single step.
    """
    if not temporary.is_dir() and (path.is_symlink() or not path.is_dir()):
        temporary.replace(path)
        return
    aside = path.with_name(f".{path.stem}.{os.getpid()}.old{path.suffix}")
    if path.exists():
        path.rename(aside)
    temporary.rename(path)
    remove(aside)


@contextmanager
def _refusals_named(path: Path) -> Iterator[None]:
    """Turns errors of the system into an InputError that names the output."""
    try:
        yield
    except OSError as error:
        raise InputError(f"{path} cannot be written ({error.strerror or error})", "choose another place") from error


def remove(path: Path) -> None:
    """Deletes a file or a folder, if it exists."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    elif path.exists() or path.is_symlink():
        path.unlink()
