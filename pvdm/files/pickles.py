"""Files that `torch.save` wrote, checked for damage and read without running any code in them."""

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
NO_CHECKPOINT = "cannot be read as a checkpoint: it is incomplete, of another kind, or holds code"
BLOCK = 1 << 22

DAMAGE = (
    *(pickle.UnpicklingError, zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, RuntimeError),
    *(MemoryError, ValueError, TypeError, LookupError, AttributeError, AssertionError, ArithmeticError),
)
"""What torch.load raises for damaged files: it runs a broken program, whose lengths may have any value."""


class DamagedFile(InputError):
    """The file itself is at fault; after any other InputError it may be intact."""


def read_pickle(path: str | Path, *, mapped: bool = False, remedy: str = REMEDY) -> dict[str, Any]:
    """The dictionary that torch.save wrote, on the CPU, by the restricted unpickler (`weights_only`); else InputError.

    That is a `DamagedFile` only if the file is proved to be damaged or of another kind, not if memory, the disk or the
    network fails. torch.load ignores the checksums of the archive, so they are checked first, which takes about a
    second per GB.

    Args:
        path: The file.
        mapped: Leave the tensors in the file until they are used, if its format allows that; checksums are then not
            checked, because it would read the whole file.
        remedy: What to do about a damaged file, for the error.
    """
    path = Path(path)
    try:
        if not path.is_file():
            raise InputError(f"there is no file {path}", "check the path")
        if not mapped and (damage := _damage(path)):
            raise DamagedFile(f"{path} {damage}", remedy)
        content = _load(path, mapped=mapped)
    except PermissionError as error:
        raise InputError(f"{path} cannot be opened ({error.strerror})", "check its permissions") from error
    except DAMAGE as error:
        if (cause := outside_cause(error)) and not _damage(path):
            raise unread(path, cause) from error
        raise DamagedFile(f"{path} {NO_CHECKPOINT}", remedy) from error
    if not isinstance(content, dict):
        raise DamagedFile(f"{path} holds a {type(content).__name__}, not a checkpoint", "check which file it is")
    return content


def _load(path: Path, *, mapped: bool) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about the version of a pickle: the caller reports what cannot be read
        return torch.load(path, map_location="cpu", weights_only=True, mmap=mapped and zipfile.is_zipfile(path))


def _damage(path: Path) -> str | None:
    """What is wrong with a zip archive; None if it is intact, in torch's older format, or cannot be read now."""
    try:
        with path.open("rb") as file:
            if file.read(2) != b"PK":
                return None
        with zipfile.ZipFile(path) as archive:
            return _wrong_checksum(archive)
    except (OSError, MemoryError) as error:
        return None if outside_cause(error) else NO_CHECKPOINT
    except DAMAGE:
        return NO_CHECKPOINT


def _wrong_checksum(archive: zipfile.ZipFile) -> str | None:
    for record in archive.infolist():
        if record.CRC == 0:  # torch.save was told not to compute it (torch.serialization.set_crc32_options)
            continue
        try:
            with archive.open(record) as content:
                while content.read(BLOCK):
                    pass
        except zipfile.BadZipFile:
            return f"is damaged: the checksum of {record.filename} in it does not match"
    return None
