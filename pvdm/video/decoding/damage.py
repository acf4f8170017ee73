"""What decoders raise for damaged files, as one error that names the file."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from av.error import FFmpegError
from PIL.Image import DecompressionBombError

from pvdm.errors import InputError, one_line

DAMAGE = (
    *(OSError, SyntaxError, ValueError, LookupError, TypeError, AttributeError, EOFError, RuntimeError, AssertionError),
    *(ArithmeticError, struct.error, zlib.error, DecompressionBombError, FFmpegError),
)
"""What PyAV and the readers of Pillow raise for damaged files; a name says little, so any of them may be asked."""

P, T = ParamSpec("P"), TypeVar("T")


def naming_the_file(
    read: Callable[Concatenate[str | Path, P], T],
) -> Callable[Concatenate[str | Path, P], T]:
    """The same function of a path, but its failures are an `InputError` that names the path.

    So one file that no decoder was written for is one bad video, and not the end of a data set.
    """

    @wraps(read)
    def reading(path: str | Path, *args: P.args, **options: P.kwargs) -> T:
        try:
            return read(path, *args, **options)
        except DAMAGE as error:
            raise InputError(f"{path} cannot be read ({_said(error)})", "repair it or remove it") from error

    return reading


def _said(error: BaseException) -> str:
    """In the system's words, or with the type, without which a decoder's text is often no sentence."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return f"{type(error).__name__}: {one_line(error)}".rstrip(": ").replace(";", ",")
