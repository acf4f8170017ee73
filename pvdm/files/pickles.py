"""Files that `torch.save` wrote, read without running any code in them."""

from __future__ import annotations

import pickle
import struct
import warnings
import zipfile
import zlib
from pathlib import Path
from typing import Any

import torch

from pvdm.errors import InputError, outside_cause, unread

REMEDY = "copy or download it again"

DAMAGE = (
    *(pickle.UnpicklingError, zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, RuntimeError),
    *(MemoryError, ValueError, TypeError, LookupError, AttributeError, AssertionError, ArithmeticError),
)
"""What torch.load raises for files that are damaged: it follows a broken program, with lengths that may be any."""


class DamagedFile(InputError):
    """A file that is itself at fault; any other InputError tells of one that may be whole."""


def read_pickle(path: str | Path, *, mapped: bool = False, remedy: str = REMEDY) -> dict[str, Any]:
    """The dictionary that torch.save wrote, by the restricted unpickler (`weights_only`), on the CPU; else InputError.

    That is a `DamagedFile` only where the file is proved to be damaged or of another kind, not where memory, the disk
    or the network fails. `mapped` leaves the numbers in the file until they are used, where its format allows that;
    `remedy` ends the sentence about a damaged file.
    """
    path = Path(path)
    try:
        if not path.is_file():
            raise InputError(f"there is no file {path}", "check the path")
        content = _load(path, mapped=mapped)
    except PermissionError as error:
        raise InputError(f"{path} cannot be opened ({error.strerror})", "check its permissions") from error
    except DAMAGE as error:
        if (cause := outside_cause(error)) and not _is_damaged(path):
            raise unread(path, cause) from error
        raise DamagedFile(
            f"{path} cannot be read as a checkpoint: it is incomplete, of another kind, or holds code; {remedy}"
        ) from error
    if not isinstance(content, dict):
        raise DamagedFile(f"{path} holds a {type(content).__name__} and no checkpoint; check which file it is")
    return content


def _load(path: Path, *, mapped: bool) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a pickle's version: whether it can be read is said by the caller
        return torch.load(path, map_location="cpu", weights_only=True, mmap=mapped and zipfile.is_zipfile(path))


def _is_damaged(path: Path) -> bool:
    """Whether the check sums of a zip archive prove it: a damaged length may ask for any memory. It takes little.

    False where there are none, in the older format, or where they cannot be read either.
    """
    try:
        with path.open("rb") as file:
            if file.read(2) != b"PK":
                return False
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is not None
    except (OSError, MemoryError) as error:
        return outside_cause(error) is None
    except DAMAGE:
        return True
