"""The one exception for what a user can mend: its text is a whole sentence with the remedy."""

from __future__ import annotations


class InputError(Exception):
    """What was found, what was wanted, what to do; the command line prints it alone and exits with 2."""


class ArgumentError(InputError, ValueError):
    """An argument of a public function that is of another kind or shape than is wanted; in Python a ValueError, too."""


def check_range(low: float, high: float | None = None, **values: float | None) -> None:
    """InputError unless every value that is given lies in [low, high]; names are those the user knows."""
    for name, value in values.items():
        if value is not None and not (value >= low and (high is None or value <= high)):  # NaN is neither
            wanted = f"at least {low}" if high is None else f"from {low} to {high}"
            raise InputError(f"{name} is {value}; give a value {wanted}")


def one_line(text: object) -> str:
    """A text of others as a part of a sentence of ours: in one line, its sentences joined, without a full stop."""
    words = " ".join(str(text).split()).rstrip(". ")
    joined = words.replace(". ", "; ")
    return joined[:1].lower() + joined[1:] if joined[1:2].islower() else joined
