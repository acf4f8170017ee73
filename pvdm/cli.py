"""The command line: Lightning's four verbs for training, and ours for what one does with models."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import version

from pvdm.refusals import REFUSALS, sentence
from pvdm.usage import CommandParser

TRAINING = {
    "fit": "train either stage: the config says which",
    "validate": "validation metrics of a checkpoint",
    "test": "test metrics of a checkpoint",
    "predict": "reconstructions (stage 1) or samples (stage 2) of a checkpoint, as mp4 files",
}
COMMANDS = {
    "sample": "new clips from noise",
    "extend": "a video, or a new clip, continued to any number of frames",
    "reconstruct": "a video through the autoencoder and back",
    "evaluate": "FVD, IS and other figures of videos or a model, by a named protocol",
    "benchmark": "all figures of the paper's tables for a model, as a report; or how fast everything is",
    "encode": "the latents of a data set, once for all trainings of stage 2 on it",
    "inspect": "a data set: what is in it, what is wrong with it, and what training would make of it",
    "configs": "the configs that come with the package: listed, printed or copied",
    "export": "a training checkpoint to a folder for use",
    "convert": "the released checkpoints to a folder for use",
    "demo": "train a small model on real clips and show what it makes, in minutes on a CPU",
}
WAITING = {"OMP_WAIT_POLICY": "PASSIVE"}
"""OpenMP's threads, PyTorch's on a CPU, sleep while they wait. By default they spin, which makes a computation many
times slower once any other process wants a core (docs/speed.md). OpenMP reads it when PyTorch is imported."""

logger = logging.getLogger("pvdm")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; the exit status: 0, 2 for what the user can mend, or a traceback for what we must."""
    os.environ.update({name: value for name, value in WAITING.items() if name not in os.environ})
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in arguments
    arguments = [argument for argument in arguments if argument != "--debug"]
    logging.basicConfig(format="%(message)s")
    logger.setLevel(logging.INFO)
    try:
        _run(arguments)
    except KeyboardInterrupt:
        logger.error("pvdm: interrupted")
        return 130
    except BrokenPipeError:  # whoever read our output (head, less) has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except REFUSALS as error:
        text = sentence(error)
        if debug or text is None:
            raise
        logger.error("pvdm: error: %s", text)
        return 2
    return 0


def _run(arguments: list[str]) -> None:
    try:
        if arguments and arguments[0] in TRAINING:
            import_module("pvdm.training.command").main(arguments)
            return
        options, unknown = _parser(arguments).parse_known_args(arguments)
        if unknown and not hasattr(options, "of_training"):
            options.parser.error(f"unrecognized arguments: {' '.join(unknown)}")
        options.of_training = unknown
        options.run(options)
    finally:
        sys.stdout.flush()  # here, where a broken pipe is caught


class _Help(argparse.ArgumentDefaultsHelpFormatter):
    """Shows the defaults that say something."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        tells_nothing = action.required or action.default is None or action.default is False
        return action.help if tells_nothing else super()._get_help_string(action)


def _parser(arguments: list[str]) -> argparse.ArgumentParser:
    """The parser of all commands; only the one that is asked for is imported."""
    parser = CommandParser(prog="pvdm", description="Video generation in a projected latent space.")
    parser.add_argument("--version", action="version", version=f"pvdm {version('pvdm')}")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    verbs = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, summary in {**TRAINING, **COMMANDS}.items():
        command = verbs.add_parser(name, help=summary, description=summary, formatter_class=_Help, allow_abbrev=False)
        if name in COMMANDS and name in arguments[:1]:
            module = import_module(f"pvdm.commands.{name}")
            module.add_arguments(command)
            command.set_defaults(run=module.run, parser=command)
    return parser


if __name__ == "__main__":
    sys.exit(main())
