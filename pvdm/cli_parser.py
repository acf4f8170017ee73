"""The parser of our own commands: what is wrong with a command line in one sentence."""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import NoReturn

from pvdm.errors import InputError

WANTED = {"positive": "a whole number", "natural": "a whole number", "int": "a whole number"}
"""What the functions that read an option's value want, where it is not simply a number."""


class CommandParser(argparse.ArgumentParser):
    """Raises `InputError` where argparse would print its usage and end the program; numbers are finite."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.register("type", float, finite)

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{_plain(message, self._known())}", f"see {self.prog} --help")

    def _known(self) -> list[str]:
        """All options, and the names of the commands."""
        choices = [name for action in self._actions for name in action.choices or () if isinstance(name, str)]
        return [*self._option_string_actions, *choices]


def finite(text: str) -> float:
    """A number that is not infinite and is one."""
    number = float(text)
    if not math.isfinite(number):
        raise argparse.ArgumentTypeError(f"{text} is not a finite number")
    return number


def nearest(name: str, known: Iterable[str]) -> str:
    """A question after a known name that is like this one, in brackets, or nothing."""
    found = get_close_matches(name, list(known), n=1, cutoff=0.75)
    return f" (did you mean {found[0]}?)" if found else ""


def _plain(message: str, known: list[str]) -> str:
    """argparse's message in our words, where it is one of those that say little."""
    if match := re.fullmatch(r"argument COMMAND: invalid choice: '(.*?)' .*", message):
        return f"there is no command {match[1]}{nearest(match[1], known)}"
    if match := re.fullmatch(r"argument (\S+): invalid choice: '(.*?)' \(choose from (.*)\)", message):
        return f"{match[1]} is {match[2]}; choose one of {match[3]}".replace("'", "")
    if match := re.fullmatch(r"argument (\S+): invalid (\w+) value: '(.*)'", message):
        return f"{match[1]} is {match[3]}; give {WANTED.get(match[2], 'a number')}"
    if match := re.fullmatch(r"unrecognized arguments: (\S+).*", message):
        return f"{match[1]} is no option here{nearest(match[1].partition('=')[0], known)}"
    return message.removeprefix("argument ")
