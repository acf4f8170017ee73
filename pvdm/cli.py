"""The command line: four training commands by Lightning, and our own."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from io import TextIOWrapper

from pvdm.cli_parser import TRAINING, command_parser
from pvdm.errors import REFUSALS, sentence

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
        options, unknown = command_parser(arguments[:1]).parse_known_args(arguments)
        if unknown and not hasattr(options, "of_training"):
            options.parser.refuse_unknown(unknown)
        options.of_training, options.arguments = unknown, arguments
        options.run(options)
    finally:
        sys.stdout.flush()  # here, where a broken pipe is caught


if __name__ == "__main__":
    sys.exit(main())
