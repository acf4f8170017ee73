"""The configs among the arguments of a command, and where they lie."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from pvdm import configs

CONFIG_OPTIONS = ("-c", "--config")


def config_names(arguments: Sequence[str]) -> Iterator[str]:
    """The configs as the arguments name them."""
    for index, argument in enumerate(arguments):
        option, equals, name = argument.partition("=")
        if option in CONFIG_OPTIONS and equals:
            yield name
        elif option in CONFIG_OPTIONS and index + 1 < len(arguments):
            yield arguments[index + 1]


def find_configs(arguments: Sequence[str]) -> list[str]:
    """The arguments, with a config that is not here but in the package (`configs/...`) given by its place there."""
    found = list(arguments)
    for index, argument in enumerate(found):
        option, equals, name = argument.partition("=")
        if option in CONFIG_OPTIONS and equals:
            found[index] = f"{option}={find_config(name)}"
        elif option in CONFIG_OPTIONS and index + 1 < len(found):
            found[index + 1] = str(find_config(found[index + 1]))
    return found


def find_config(name: str) -> Path | str:
    """The place of one config, as it is given or in the package."""
    inside = configs.FOLDER / name.removeprefix("configs/")
    return inside if name.startswith("configs/") and not Path(name).exists() and inside.is_file() else name
