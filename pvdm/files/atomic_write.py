"""Output that is either whole or absent: written beside its name and renamed at the end."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile

from pvdm.errors import InputError


def check_output(path: Path, *, overwrite: bool = False, own: Sequence[str] | None = None) -> None:
    """InputError if something lies at `path` already and may not be overwritten.

    `own`: patterns of the names in a folder that may be lost; one that holds anything else is kept.
    """
    if path.name in ("", "..") or "\0" in str(path):
        raise InputError(f"{path} is no name for output", "give the name of a new file or folder")
    with _refusals_named(path):
        if not path.exists():
            return
        entries = list(path.iterdir()) if path.is_dir() else []
        is_special = not path.is_dir() and not path.is_file()
    if not overwrite:
        raise InputError(f"{path} exists already", "pass --overwrite (in Python overwrite=True) or choose another name")
    if is_special:
        raise InputError(f"{path} is a device or the like and cannot be replaced", "choose another name")
    foreign = [] if own is None else [entry.name for entry in entries if not any(map(entry.match, own))]
    if foreign:
        raise InputError(f"{path} holds {min(foreign)}, which would be lost", "choose another name")


def check_output_file(path: Path, *, overwrite: bool = False, inputs: Sequence[str | Path | None] = ()) -> None:
    """InputError if no file can be written to `path`, or if a folder or one of `inputs` would be lost by it.

    For work that takes hours and is written at its end: the place is tried, and nothing is left there.
    """
    check_output(path, overwrite=overwrite, own=())
    with _refusals_named(path):
        if path.exists() and any(path.resolve() == Path(given).resolve() for given in inputs if given):
            raise InputError(f"{path} is read here and would be lost", "choose another name")
        place = next(folder for folder in path.absolute().parents if folder.exists())
        with TemporaryFile(dir=place):
            pass


@contextmanager
def replacing(path: Path, *, overwrite: bool = False, own: Sequence[str] | None = None) -> Iterator[Path]:
    """A temporary name beside `path` for a file or folder, renamed to it when the block succeeds.

    When the block fails, what it had written is removed. InputError if `path` exists and is not to be
    overwritten (see `check_output`), or if it cannot be written.
    """
    check_output(path, overwrite=overwrite, own=own)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    missing = missing_parents(path)
    with _refusals_named(path):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            yield temporary
            put_in_place(temporary, path)
        except InputError as error:  # of a file in the folder: its name is to be
            raise InputError(str(error).replace(str(temporary), str(path))) from error
        finally:
            remove(temporary)
            remove_empty(missing)


def write_through(path: Path, content: bytes) -> None:
    """Replaces a file by one that is on the disk before it has its name: a power failure may leave the name alone."""
    with replacing(path, overwrite=True) as temporary, temporary.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    with suppress(OSError):  # of systems that know no such thing for a folder
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def missing_parents(path: Path) -> list[Path]:
    """The folders above `path` that are not there yet, the lowest first."""
    return [folder for folder in path.parents if not folder.exists()]


def remove_empty(folders: Sequence[Path]) -> None:
    """Deletes those folders, given from the lowest, that hold nothing."""
    for folder in folders:
        with suppress(OSError):  # it holds something, or was never made
            folder.rmdir()


def put_in_place(temporary: Path, path: Path) -> None:
    """Renames `temporary` to `path`; what lay there is deleted only when the new one stands in its place.

    A file takes the place of another in one step, at no moment of which there is none.
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
    """Turns what the system refuses into an InputError that names the output."""
    try:
        yield
    except OSError as error:
        raise InputError(f"{path} cannot be written ({error.strerror or error})", "choose another place") from error


def remove(path: Path) -> None:
    """Deletes a file or a folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    elif path.exists() or path.is_symlink():
        path.unlink()
