"""`pvdm configs`: the configs that come with the package, listed, printed or copied."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

from pvdm import configs
from pvdm.cli_parser import nearest
from pvdm.errors import InputError
from pvdm.files.atomic_write import check_output, replacing

COPY = "copy"

logger = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help="configs to print, such as autoencoder or data/ucf101; after the word copy, configs to copy; without a "
        "name all are listed",
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("configs"),
        help="folder for the copies; -c configs/NAME.yaml prefers those in ./configs to the package's own",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace existing output")


def run(options: argparse.Namespace) -> None:
    if not options.names:
        _list()
    elif options.names[0] == COPY:
        _copy(options.names[1:], options.output, options.overwrite)
    else:
        for name in options.names:
            sys.stdout.write(_find(name).read_text(encoding="utf-8"))


def _list() -> None:
    """One line for each config: its name and its summary."""
    names = configs.names()
    width = max(map(len, names))
    for name in names:
        sys.stdout.write(f"{name:{width}}  {configs.summary(_find(name))}\n")


def _copy(names: list[str], folder: Path, overwrite: bool) -> None:
    """Writes the named configs below `folder` under their own names."""
    if not names:
        raise InputError("there is no config to copy", "give names from `pvdm configs`, such as pvdm configs copy gan")
    copies = {folder / found.relative_to(configs.FOLDER): found for found in map(_find, names)}
    for path in copies:
        check_output(path, overwrite=overwrite, own=())
    for path, found in copies.items():
        with replacing(path, overwrite=overwrite) as temporary:
            temporary.write_bytes(found.read_bytes())
        logger.info("%s: %s", path, configs.summary(found))


def _find(name: str) -> Path:
    found = configs.find(name)
    if found is None:
        raise InputError(f"there is no config {name}{nearest(name, configs.names())}", "`pvdm configs` lists them")
    return found
