"""A piece of work that an engine runs in a process of its own."""

from __future__ import annotations

from typing import Protocol

from pvdm.curation.ledger import LedgerError
from pvdm.errors import InputError


class Task(Protocol):
    """A piece of work on a file; can be pickled.

    `name` is the file's below the root, `seconds` how much video is worked on, for the progress bar.
    """

    name: str
    seconds: float

    def __call__(self) -> None:
        """InputError if the file is at fault, `LedgerError` if the result cannot be written."""
        ...


def perform(task: Task) -> str | None:
    """Runs a task: None, or why its file is at fault, a clause. Other errors are raised."""
    try:
        task()
    except LedgerError:
        raise
    except InputError as error:
        return error.problem
    except MemoryError:
        return "it does not fit into memory"
    return None
