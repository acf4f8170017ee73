"""Errors of decoders for damaged files, turned into one error that names the file."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from tokenize import TokenError
from typing import Concatenate, ParamSpec, TypeVar
from zipfile import BadZipFile

from av.error import FFmpegError
from PIL.Image import DecompressionBombError

from pvdm.errors import InputError, one_line

DAMAGE = (
    *(OSError, SyntaxError, ValueError, LookupError, TypeError, AttributeError, EOFError, RuntimeError, AssertionError),
    *(ArithmeticError, struct.error, zlib.error, DecompressionBombError, FFmpegError, BadZipFile, TokenError),
)
"""What PyAV, NumPy and the plugins of Pillow raise for damaged files; a file name does not tell which reads it."""

P, T = ParamSpec("P"), TypeVar("T")


def naming_the_file(
    read: Callable[Concatenate[str | Path, P], T],
) -> Callable[Concatenate[str | Path, P], T]:
    """Decorates a function of a path so that its failures become an `InputError` that names the path.

    A file that confuses a decoder is then a bad video among others, not the end of a data set.
    """

    @wraps(read)
    def reading(path: str | Path, *args: P.args, **options: P.kwargs) -> T:
        with damage_named(path):
            return read(path, *args, **options)

    return reading


@contextmanager
def damage_named(path: str | Path) -> Iterator[None]:
    """Turns failures of decoders into an `InputError` that names the path."""
    try:
        yield
    except DAMAGE as error:
        raise InputError(f"{path} cannot be read ({_reason(error)})", "repair it or remove it") from error


def _reason(error: BaseException) -> str:
    """The system's message, or the type and the text, since a decoder's text alone often means little."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return f"{type(error).__name__}: {one_line(error)}".rstrip(": ").replace(";", ",")
