"""What is wrong with the options of training, in one sentence; jsonargparse says it in up to twenty lines."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Sequence
from dataclasses import fields, is_dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn, get_args, get_type_hints

import yaml
from pytorch_lightning.cli import LightningArgumentParser

from pvdm.cli_parser import nearest
from pvdm.errors import InputError, one_line
from pvdm.training.cli.config_files import config_names

TYPES = {"int": "a whole number", "float": "a number", "bool": "true or false", "NoneType": "null", "str": "text"}
"""Python's types in the words of who writes a config."""

UNKNOWN = (
    r"unrecognized arguments: (?:--)?([\w.-]+)",
    r"Subcommand '\w+' does not accept option '([\w.-]+)'",
    r"Group '([\w.-]+)' does not accept option '([\w.-]+)'",
    r"Option '([\w.-]+)' is not accepted",
)


class PlainParser(LightningArgumentParser):
    """Raises `InputError` where jsonargparse would print usage and end the program."""

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        if not self.exit_on_error:  # a parser within a parser, whose error the outer one goes on with
            super().error(message, ex)
        raise InputError(f"{plain(message, self._known())}", "see pvdm fit --help") from ex

    def _known(self) -> list[str]:
        """Names of all options but those of the model, which depend on its class."""
        parsers = [self, *getattr(self._subcommands_action, "_name_parser_map", {}).values()]
        return [action.dest for parser in parsers for action in parser._actions]


def plain(message: str, known: Sequence[str]) -> str:
    """jsonargparse's message about a key or value as a part of a sentence."""
    for say in (_missing, _unknown_key, _unknown_class, _wrong_value):
        if text := say(message, known):
            return text
    return one_line(message.removeprefix("argument "))


def check_configs(arguments: Sequence[str]) -> None:
    """InputError that names the file if a config is absent, no text, no YAML or no mapping."""
    for path in _configs(arguments):
        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise InputError(f"there is no config {path}", "check -c") from error
        except OSError as error:
            raise InputError(
                f"the config {path} cannot be read ({error.strerror})", "give a YAML file as -c"
            ) from error
        except (UnicodeDecodeError, yaml.YAMLError) as error:
            raise InputError(f"the config {path} is not YAML ({_place(error)})", "mend it there") from error
        if not isinstance(content, dict):
            raise InputError(f"the config {path} holds no keys with values", "pvdm fit --print_config shows one")


def _configs(arguments: Sequence[str]) -> Iterator[Path]:
    """The configs that are given and lie on this machine."""
    names = [name for name in config_names(arguments) if "://" not in name]
    return map(Path, names)


def _place(error: Exception) -> str:
    """What a reader of YAML found, and where."""
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        return one_line(error)
    return f"{error.problem} in line {mark.line + 1}, column {mark.column + 1}"


def _missing(message: str, known: Sequence[str]) -> str | None:
    match = re.search(r"the following arguments are required: (.*)", message)
    if not match:
        return None
    names = [re.sub(r"^(fit|validate|test|predict)\.", "", name) for name in match[1].split(", ")]
    if names == ["autoencoder"]:
        return "stage 2 needs stage 1; give its exported folder or checkpoint as --model.autoencoder"
    return f"{' and '.join(names)} must be given, in a config (-c configs/autoencoder.yaml) or as an option"


def _unknown_key(message: str, known: Sequence[str]) -> str | None:
    for pattern in UNKNOWN:
        if match := re.search(pattern, message):
            key = ".".join(match.groups())
            if of_model := _options_of(message):
                return f"model.{key} is no option of {_class(message)}{nearest(f'model.{key}', of_model)}"
            return f"{key} is no option{nearest(key, known)}"
    return None


def _unknown_class(message: str, known: Sequence[str]) -> str | None:
    if re.search(r"has no attribute|No module named|does not correspond to a subclass|Not a valid subclass", message):
        found = re.search(r"class_path '([^']*)'|Import path (\S+) does|Given value: (.*)", message)
        value = next(filter(None, found.groups())) if found else "what was given"
        return (
            f"{value} is no class to train; give pvdm.training.AutoencoderTraining (stage 1) or "
            "pvdm.training.DiffusionTraining (stage 2) as model.class_path"
        )
    return None


def _wrong_value(message: str, known: Sequence[str]) -> str | None:
    keys = re.findall(r'Parser key "([\w.]+)"', message)
    value = re.search(r"Got value: (.*)", message) or re.search(r"Given value: (.*)", message)
    wanted = [_type(text) for text in re.findall(r"Expected an? (.*?)(?:\. Got value.*)?$", message, re.MULTILINE)]
    if not keys or not value or not wanted:
        return None
    key = keys[-1] if len(keys) == 1 else f"model.{keys[-1]}"
    if len(keys) > 1:  # "null", of the model that is none, is of no use
        wanted = [text for text in wanted if text != "null"]
    return f"{key} is {value[1]}; give {' or '.join(dict.fromkeys(wanted))}"


def _type(text: str) -> str:
    if match := re.fullmatch(r"<class '(?:\w+\.)*(\w+)'>", text):
        return TYPES.get(match[1], f"a {match[1]}")
    if match := re.fullmatch(r"typing\.Literal\[(.*)\]", text):
        return "one of " + match[1].replace("'", "")
    return f"a {text}"


def _class(message: str) -> str | None:
    match = re.search(r"Problem with given class_path '([^']*)'", message)
    return match and match[1]


def _options_of(message: str) -> list[str]:
    """Names of the options of the class that a message is about, with those of its groups."""
    module, _, name = (_class(message) or "").rpartition(".")
    return list(option_names(getattr(import_module(module), name), "model.")) if module else []


def option_names(kind: Any, prefix: str = "") -> Iterator[str]:
    """Names of the arguments of a class, and of those of the dataclasses among them, which may be optional."""
    hints = get_type_hints(kind if is_dataclass(kind) else kind.__init__)
    names = [field.name for field in fields(kind)] if is_dataclass(kind) else list(inspect.signature(kind).parameters)
    for name in names:
        yield prefix + name
        hint = hints.get(name)
        for part in (hint, *get_args(hint)):
            if is_dataclass(part):
                yield from option_names(part, f"{prefix}{name}.")
