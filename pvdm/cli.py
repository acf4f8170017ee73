"""The command line: four training commands by Lightning, and our own."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from importlib import import_module
from importlib.metadata import version
from io import TextIOWrapper
from typing import TYPE_CHECKING, Any

from pvdm.cli_parser import COMMANDS, TRAINING, CommandParser, example
from pvdm.errors import REFUSALS, sentence

if TYPE_CHECKING:
    from argparse import ArgumentParser

WAITING = {"OMP_WAIT_POLICY": "PASSIVE"}
"""Lets OpenMP threads, which PyTorch uses on a CPU, sleep while they wait. By default they spin, which makes
computation many times slower if another process needs the core (docs/speed.md). Read when PyTorch is imported.
"""

logger = logging.getLogger("pvdm")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; returns the exit status: 0, or 2 for a problem that the user can fix. A bug raises."""
    os.environ.update({name: value for name, value in WAITING.items() if name not in os.environ})
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in arguments
    arguments = [argument for argument in arguments if argument != "--debug"]
    _show_any_name()
    logging.basicConfig(format="%(message)s")
    logger.setLevel(logging.INFO)
    try:
        _run(arguments)
    except KeyboardInterrupt:
        logger.error("pvdm: interrupted")
        return 130
    except BrokenPipeError:  # the reader of our output (head, less) has closed it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except REFUSALS as error:
        text = sentence(error)
        if debug or text is None:
            raise
        logger.error("pvdm: error: %s", text)
        return 2
    return 0


def _show_any_name() -> None:
    """Prints characters of file names that the terminal cannot show as escapes."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):  # a stream whose file was replaced
            if isinstance(stream, TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")


def _run(arguments: list[str]) -> None:
    try:
        if arguments and arguments[0] in TRAINING:
            import_module("pvdm.training.cli.command").main(arguments)
            return
        options, unknown = _parser(arguments[:1]).parse_known_args(arguments)
        if unknown and not hasattr(options, "of_training"):
            options.parser.refuse_unknown(unknown)
        options.of_training, options.arguments = unknown, arguments
        options.run(options)
    finally:
        sys.stdout.flush()  # here, where a broken pipe is caught


def parsers() -> Iterator[tuple[str, ArgumentParser]]:
    """Every command and its parser, in the order of `pvdm --help`, followed by its subcommands ("benchmark speed").

    For documents and tests, because it imports everything. Parsers of Lightning's commands are jsonargparse's.
    """
    for name in TRAINING:
        yield name, import_module("pvdm.training.cli.command").parser_of(name)
    for name, parser in _subparsers(_parser(COMMANDS)).items():
        if name in COMMANDS:
            yield name, parser
            yield from ((f"{name} {part}", below) for part, below in _subparsers(parser).items())


def _subparsers(parser: ArgumentParser) -> dict[str, ArgumentParser]:
    return parser._subparsers._group_actions[0].choices if parser._subparsers else {}


def _parser(complete: Iterable[str]) -> CommandParser:
    """The parser of all commands; only those in `complete` are imported and get their options."""
    parser = CommandParser(prog="pvdm", description="Video generation in a projected latent space.")
    parser.add_argument("--version", action="version", version=f"pvdm {version('pvdm')}")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    verbs: Any = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, verb in {**TRAINING, **COMMANDS}.items():
        summary = {"help": verb.summary, "description": f"{verb.summary[:1].upper()}{verb.summary[1:]}."}
        command = verbs.add_parser(name, **summary, epilog=example(name))
        if name in COMMANDS and name in complete:
            module = import_module(f"pvdm.commands.{name}")
            module.add_arguments(command)
            command.set_defaults(run=module.run, parser=command)
    return parser


if __name__ == "__main__":
    sys.exit(main())
