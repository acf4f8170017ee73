"""Files that `torch.save` wrote, read without running any code in them."""

from __future__ import annotations

import pickle
import struct
import warnings
import zipfile
from pathlib import Path
from typing import Any

import torch

from pvdm.errors import InputError

REMEDY = "copy or download it again"

DAMAGE = (
    *(pickle.UnpicklingError, zipfile.BadZipFile, struct.error, EOFError, OSError, RuntimeError, MemoryError),
    *(ValueError, TypeError, LookupError, AttributeError, AssertionError, ArithmeticError),
)
"""What torch.load raises for files that are damaged: it follows a broken program, with lengths that may be any."""


def read_pickle(path: str | Path, *, mapped: bool = False, remedy: str = REMEDY) -> dict[str, Any]:
    """The dictionary that torch.save wrote, by the restricted unpickler (`weights_only`), on the CPU; else InputError.

    `mapped` leaves the numbers in the file until they are used, where its format allows that; `remedy` ends the
    sentence about a damaged file.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"there is no file {path}; check the path")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a pickle's version: whether it can be read is said below
            mapped = mapped and zipfile.is_zipfile(path)
            content = torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except PermissionError as error:
        raise InputError(f"{path} cannot be opened ({error.strerror}); check its permissions") from error
    except DAMAGE as error:
        raise InputError(
            f"{path} cannot be read as a checkpoint: it is incomplete, of another kind, or holds code; {remedy}"
        ) from error
    if not isinstance(content, dict):
        raise InputError(f"{path} holds a {type(content).__name__} and no checkpoint; check which file it is")
    return content
