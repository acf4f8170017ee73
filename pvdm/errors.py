"""The one exception for what a user can mend: its text is a whole sentence with the remedy."""

from __future__ import annotations


class InputError(Exception):
    """What was found, what was wanted, what to do; the command line prints it alone and exits with 2."""


def check_range(low: float, high: float | None = None, **values: float | None) -> None:
    """InputError unless every value that is given lies in [low, high]; names are those the user knows."""
    for name, value in values.items():
        if value is not None and (value < low or (high is not None and value > high)):
            wanted = f"at least {low}" if high is None else f"from {low} to {high}"
            raise InputError(f"{name} is {value}; give a value {wanted}")
