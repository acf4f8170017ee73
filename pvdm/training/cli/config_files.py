"""Finds and checks the configs among the arguments of a command."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import yaml

from pvdm import configs
from pvdm.errors import InputError, one_line

CONFIG_OPTIONS = ("-c", "--config")

SIZE = re.compile(r"--model\.(?:init_args\.)?(autoencoder|denoiser)\.(\w+)")
"""An option of a network's sizes."""

INLINE = "model: {init_args: {"
"""The beginning of a config that such an option becomes."""


def config_names(arguments: Sequence[str]) -> Iterator[str]:
    """The names of the configs among the arguments."""
    for index, argument in enumerate(arguments):
        option, equals, name = argument.partition("=")
        if option in CONFIG_OPTIONS and equals:
            yield name
        elif option in CONFIG_OPTIONS and index + 1 < len(arguments):
            yield arguments[index + 1]


def find_configs(arguments: Sequence[str]) -> list[str]:
    """The arguments, with the paths of configs that are only in the package (`configs/...`)."""
    found = list(arguments)
    for index, argument in enumerate(found):
        option, equals, name = argument.partition("=")
        if option in CONFIG_OPTIONS and equals:
            found[index] = f"{option}={find_config(name)}"
        elif option in CONFIG_OPTIONS and index + 1 < len(found):
            found[index + 1] = str(find_config(found[index + 1]))
    return found


def as_configs(arguments: Sequence[str]) -> list[str]:
    """The arguments, with the sizes of networks that may be of several classes as configs of a single key.

    jsonargparse merges a config into the class that the configs before it chose, but takes an option on its own for the
    first class that has it.
    """
    found, rest = [], iter(arguments)
    for argument in rest:
        option, equals, value = argument.partition("=")
        if (match := SIZE.fullmatch(option)) and (equals or (value := next(rest, None)) is not None):
            key, name = match.groups()
            found.append(f"--config={INLINE}{key}: {{{name}: {value}}}}}}}")
        else:
            found.append(argument)
    return found


def find_config(name: str) -> Path | str:
    """The path of one config, as given or in the package."""
    inside = configs.FOLDER / name.removeprefix("configs/")
    return inside if name.startswith("configs/") and not Path(name).exists() and inside.is_file() else name


def check_configs(arguments: Sequence[str]) -> None:
    """InputError that names the file if a config is missing or is not a YAML mapping, or if they mix autoencoders."""
    given = []
    for name in (name for name in config_names(arguments) if "://" not in name):
        given += _autoencoder_keys(yaml.safe_load(name) if name.startswith(INLINE) else _content(Path(name)))
    _check_one_autoencoder(given)


def _content(path: Path) -> dict[str, Any]:
    """The mapping in a config file; InputError if there is none."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"there is no config {path}", "check its path") from error
    except OSError as error:
        raise InputError(f"the config {path} cannot be read ({error.strerror})", "give a YAML file as -c") from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"the config {path} is not YAML ({_place(error)})", "correct it there") from error
    if not isinstance(content, dict):
        raise InputError(f"the config {path} is not a mapping of keys to values", "pvdm fit --print_config shows one")
    return content


def _autoencoder_keys(config: Mapping[str, Any]) -> list[str]:
    """The keys of `model.autoencoder` in a config; none where it is a path."""
    section: Any = config
    for name in ("model", "init_args", "autoencoder"):
        section = section.get(name) if isinstance(section, Mapping) else None
    return list(section) if isinstance(section, Mapping) else []


def _check_one_autoencoder(given: Sequence[str]) -> None:
    """InputError for keys of both autoencoders: the parser would take one of them, and drop the keys of the other."""
    if not given:
        return
    from pvdm.autoencoder import AutoencoderConfig, SpectralConfig  # imports PyTorch

    names = [{field.name for field in fields(kind)} for kind in (AutoencoderConfig, SpectralConfig)]
    released, spectral = ([key for key in given if key in own - other] for own, other in (names, names[::-1]))
    if released and spectral:
        raise InputError(
            f"model.autoencoder.{released[0]} is of the released autoencoder, and {spectral[0]} of the spectral one",
            "give sizes of one of them",
        )


def _place(error: Exception) -> str:
    """The YAML reader's problem, with its line and column."""
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        return one_line(error)
    return f"{error.problem} in line {mark.line + 1}, column {mark.column + 1}"
