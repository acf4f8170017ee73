"""Translates jsonargparse's errors, which can have twenty lines, to one sentence."""

from __future__ import annotations

import argparse
import inspect
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from textwrap import shorten
from types import NoneType, UnionType
from typing import Any, ClassVar, Literal, NoReturn, Union, get_args, get_origin, get_type_hints

from jsonargparse import ArgumentParser

from pvdm.cli_parser import nearest
from pvdm.errors import InputError, one_line

TYPES = {int: "a whole number", float: "a number", bool: "true or false", NoneType: "null", str: "text"}
"""Python types in the words of a config's author."""

ABSENT = "must be given"

MISSING = r"the following arguments are required: (.+)"
WRONG = r'Parser key "([\w.]+)"'
VALUE = r"(?:Got value:|Given value:|Unable to load config) (?!NestedArg)(.*)"
UNKNOWN = (
    r"unrecognized arguments: (?:--)?([\w.-]+)",
    r"Subcommand '\w+' does not accept option '([\w.-]+)'",
    r"Group '([\w.-]+)' does not accept option '([\w.-]+)'",
    r"Option '([\w.-]+)' is not accepted",
)
"""jsonargparse gives the wrong key and value only in the text of its errors."""


class KeyRefused(InputError):
    """A refused key or value of a config; each parser names the key from its own level on."""

    def __init__(self, key: str, problem: str, remedy: str = "", close: Sequence[str] = ()) -> None:
        self.key, self.said, self.close = key, problem, close
        super().__init__(f"{key} {problem}{nearest(key, close)}", remedy, option=key)

    def below(self, key: str) -> KeyRefused:
        """The same error for a parser in which this key is below another."""
        return KeyRefused(f"{key}.{self.key}", self.said, self.remedy, [f"{key}.{name}" for name in self.close])


class ConfigParser(ArgumentParser):
    """Raises `InputError` where jsonargparse would print its usage and exit."""

    remedies: ClassVar[Mapping[str, str]] = {}
    """What to give as the value of a key, if its type does not say."""

    if_missing: ClassVar[Mapping[str, str]] = {"": "use a config or an option"}
    """What to do if a key is missing; "" stands for all other keys."""

    kind: type | None = None
    """The class whose arguments this parser reads, if it is a parser of one class."""

    def add_class_arguments(
        self, theclass: type, nested_key: str | None = None, *args: Any, **options: Any
    ) -> list[str]:
        if nested_key is None:
            self.kind = theclass
        return super().add_class_arguments(theclass, nested_key, *args, **options)

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        refused = self._refused(message, ex)
        if not self.exit_on_error:  # a nested parser of one class; the outer one finds this among the causes
            raise argparse.ArgumentError(None, message) from refused
        remedy = (
            self.remedies.get(refused.option)
            or refused.remedy
            or f"see {self.prog} {self._verb()}".rstrip() + " --help"
        )
        if isinstance(refused, KeyRefused) and refused.said == ABSENT:
            remedy = self.if_missing.get(refused.key) or self.if_missing[""]
        raise InputError(refused.problem, remedy, option=refused.option) from ex

    def _refused(self, message: str, ex: Exception | None) -> InputError:
        below = next((cause for cause in causes(ex) if isinstance(cause, InputError)), None)
        wrong = re.match(WRONG, message)
        if below:
            return below.below(wrong[1]) if wrong and isinstance(below, KeyRefused) else below
        if wrong:
            return self._wrong(wrong[1], message)
        if missing := re.match(MISSING, message):
            names = [name.removeprefix(f"{self._verb()}.") for name in missing[1].split(", ")]
            return KeyRefused(" and ".join(names), ABSENT)
        for pattern in UNKNOWN:
            if match := re.match(pattern, message):
                owner = f" of {self.kind.__name__}" if self.kind else ""
                return KeyRefused(".".join(match.groups()), f"is not an option{owner}", close=self._known())
        return InputError(one_line(message.removeprefix("argument ")))

    def _wrong(self, key: str, message: str) -> KeyRefused:
        found = re.search(VALUE, message)
        problem = f"is {shorten(found[1], 80)}" if found else "has the wrong type"
        hints = [
            action._typehint for action in self._all_actions() if action.dest == key and hasattr(action, "_typehint")
        ]
        if hints:
            return KeyRefused(key, problem, f"give {wanted(hints[0])}")
        parts = [name.removeprefix(f"{key}.") for name in self._known() if name.startswith(f"{key}.")]
        return KeyRefused(key, problem, f"give keys below it, such as {parts[0]}" if parts else "")

    def _all_actions(self) -> list[argparse.Action]:
        parsers = [self, *getattr(self._subcommands_action, "_name_parser_map", {}).values()]
        return [action for parser in parsers for action in parser._actions]

    def _known(self) -> list[str]:
        """Names of all options, except those that depend on the chosen class."""
        own = [action.dest for action in self._all_actions()]
        return list(dict.fromkeys([*own, *(option_names(self.kind) if self.kind else ())]))

    def _verb(self) -> str:
        return next(iter(getattr(self._subcommands_action, "_name_parser_map", {})), "")


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """An exception and its causes."""
    while error is not None:
        yield error
        error = error.__cause__


def wanted(hint: Any) -> str:
    """The values that a type accepts, in the words of a config's author."""
    origin, parts = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        *others, last = dict.fromkeys(map(wanted, parts))
        return f"{', '.join(others)} or {last}" if others else last
    if origin is Literal:
        return f"one of {', '.join(map(str, parts))}"
    if origin is tuple and Ellipsis not in parts:
        return f"a list of {len(parts)} values"
    if origin is not None:
        return "a mapping" if origin in (dict, Mapping) else "a list"
    name = getattr(hint, "__name__", str(hint))
    return TYPES.get(hint) or f"{'an' if name[0] in 'AEIOU' else 'a'} {name}"


def option_names(kind: Any, prefix: str = "") -> Iterator[str]:
    """Names of the arguments of a class, including those of (optional) dataclasses among them."""
    hints = get_type_hints(kind if is_dataclass(kind) else kind.__init__)
    names = [field.name for field in fields(kind)] if is_dataclass(kind) else list(inspect.signature(kind).parameters)
    for name in names:
        yield prefix + name
        hint = hints.get(name)
        for part in (hint, *get_args(hint)):
            if is_dataclass(part):
                yield from option_names(part, f"{prefix}{name}.")
