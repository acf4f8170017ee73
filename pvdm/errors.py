"""The exception for problems that a user can fix, and the translation of other exceptions to one sentence."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Self

REFUSED = (
    *(errno.ENOSPC, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO, errno.EMFILE),
    *(errno.ENAMETOOLONG, errno.ENOTDIR, errno.EISDIR),
    *([errno.EDQUOT] if hasattr(errno, "EDQUOT") else []),
)
"""System errors whose cause lies outside the program."""

NETWORK = ("ESTALE", "ETIMEDOUT", "EREMOTEIO", "ENOTCONN", "ECONNRESET", "ECONNABORTED", "EHOSTDOWN", "EHOSTUNREACH")

BUSY = ("ENOMEM", "ENFILE", "EBUSY", "EAGAIN", "ENODEV", "ENXIO", "ENOLCK", "ENETDOWN", "ENETUNREACH")

OUTSIDE = (*REFUSED, *(getattr(errno, name) for name in (*NETWORK, *BUSY) if hasattr(errno, name)))
"""System errors that prevent reading an intact file: full memory, a failing disk, a network that is down."""

PROVES_NOTHING = (errno.EINVAL, errno.ENOENT)
"""Errors that a damaged file (an invalid offset) or a missing file can also cause."""

NO_MEMORY = ("can't allocate memory", "cannot allocate memory", "not enough memory", "out of memory", "alloc_failed")

OPTION = re.compile(r"\{([a-z]\w*)(?:=(\w+))?\}")
"""An option in a remedy: {allow_few}, or with its value {size=64}."""

KILLED_WORKER = "DataLoader worker (pid"


def flag(name: str, value: str | None = None) -> str:
    """An option, and its value if given, as our own commands take them: --num-real 16."""
    return f"--{name.replace('_', '-')}" + (f" {value}" if value else "")


class InputError(Exception):
    """A problem that the user can fix; the command line prints it as one sentence and exits with status 2.

    Args:
        problem: What was found, and what was expected.
        remedy: What to do about it. Names of options are in braces, with or without a value: "give {size=64}, or pass
            {allow_few}". Each front end writes them in its own way, see `written`.
        option: The option whose value is wrong, as spelled in Python ("batch_size").
    """

    def __init__(self, problem: str, remedy: str = "", *, option: str | None = None) -> None:
        self.template = remedy
        self.problem, self.remedy, self.option = problem, _filled(remedy, flag), option
        super().__init__(*filter(None, (problem, self.remedy)))  # so that it can be pickled, between processes

    def written(self, option: Callable[[str, str | None], str]) -> Self:
        """The same error with the options in its remedy as another front end writes them: option("size", "64")."""
        return type(self)(self.problem, _filled(self.template, option), option=self.option)

    def __str__(self) -> str:
        return "; ".join(self.args)


class ArgumentError(InputError, ValueError):
    """A refused argument of a public function or a config; also a ValueError."""


def _filled(remedy: str, option: Callable[[str, str | None], str]) -> str:
    return OPTION.sub(lambda match: option(match[1], match[2]), remedy)


def check_range(low: float, high: float | None = None, **values: float | None) -> None:
    """InputError unless every value that is not None lies in [low, high]; values are named as users know them."""
    for name, value in values.items():
        if value is not None and not (value >= low and (high is None or value <= high)):  # refuses NaN, too
            allowed = f"at least {low}" if high is None else f"from {low} to {high}"
            raise InputError(f"{name} is {value}", f"give a value {allowed}", option=name)


def one_line(text: object) -> str:
    """Another program's text as part of our sentence: on one line, sentences joined, without a period at the end."""
    words = " ".join(str(text).split()).rstrip(". ")
    joined = words.replace(". ", "; ")
    return joined[:1].lower() + joined[1:] if joined[1:2].islower() else joined


REFUSALS = (InputError, OSError, RuntimeError, MemoryError)
"""Exception types that may have a cause the user can fix; torch.OutOfMemoryError is a RuntimeError."""


def sentence(error: BaseException) -> str | None:
    """The message for a problem that the user can fix; None for a bug."""
    for kind in (no_memory, _input, _system, _worker):  # no_memory first: it may be the cause of an InputError
        if text := kind(error):
            return text
    return None


def _input(error: BaseException) -> str | None:
    """The error's own text; a DataLoader re-raises a worker's error with the traceback at the start of its text."""
    if not isinstance(error, InputError):
        return None
    kind = type(error)
    return " ".join(str(error).rpartition(f"{kind.__module__}.{kind.__qualname__}: ")[2].split())


def no_memory(error: BaseException) -> str | None:
    """What to change if the memory of the device or the machine is full; None for any other error."""
    text = str(error).lower()
    is_reported = isinstance(error, (RuntimeError, OSError, InputError)) and any(words in text for words in NO_MEMORY)
    if not is_reported and not isinstance(error, MemoryError):
        return None
    return (
        "the memory is full; take fewer samples at once (data.batch_size in training, --batch-size and --clips-at-once "
        "in sampling), bfloat16 (trainer.precision bf16-mixed, --precision bf16), in training "
        "model.activation_checkpointing true or a list of parts, or smaller clips or networks"
    )


def outside_cause(error: BaseException | None) -> str | None:
    """Why the system could not read a file that may be intact; None if the error has another cause."""
    while error is not None:
        if no_memory(error):
            return "the memory is full"
        if isinstance(error, OSError) and error.errno and error.errno not in PROVES_NOTHING:
            return os.strerror(error.errno)
        if found := [os.strerror(code) for code in OUTSIDE if os.strerror(code) in str(error)]:  # as PyTorch says it
            return found[0]
        error = error.__cause__ or error.__context__
    return None


def unread(path: object, cause: str) -> InputError:
    """The error for a file that could not be read but may be intact; cause: see `outside_cause`."""
    return InputError(
        f"{path} could not be read ({cause}), but may be intact",
        "free memory, or check the disk or the network, and run the same command again",
    )


def _system(error: BaseException) -> str | None:
    if not isinstance(error, OSError) or error.errno not in REFUSED:
        return None
    place = f"{error.filename} cannot be written or read" if error.filename else "a file cannot be written or read"
    return f"{place} ({error.strerror}); free space or fix the permissions, or choose another place"


def _worker(error: BaseException) -> str | None:
    """A worker process of data.workers that the system killed."""
    if not isinstance(error, RuntimeError) or not str(error).startswith(KILLED_WORKER):
        return None
    return f"a worker process that reads videos was killed ({one_line(error)}); set data.workers lower, or 0"
