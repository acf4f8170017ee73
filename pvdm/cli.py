"""The command line: Lightning's four verbs for training, and ours for what one does with models."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from importlib.metadata import version
from io import TextIOWrapper

from pvdm.cli_parser import CommandParser
from pvdm.errors import REFUSALS, sentence

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
    "push": "a model to the Hugging Face Hub, with its card",
    "convert": "the released checkpoints to a folder for use",
    "demo": "train a small model on real clips and show what it makes, in minutes on a CPU",
}
WAITING = {"OMP_WAIT_POLICY": "PASSIVE"}
"""OpenMP's threads, PyTorch's on a CPU, sleep while they wait. By default they spin, which makes a computation many
times slower once any other process wants a core (docs/speed.md). OpenMP reads it when PyTorch is imported."""
EXAMPLES = {
    "sample": "my_model --num-videos 8 --output samples",
    "extend": "my_model --input my_video.mp4 --frames 512 --output continued.mp4",
    "reconstruct": "my_model my_video.mp4 --side-by-side --output beside.mp4",
    "evaluate": "--real my_videos --fake my_model --protocol coherence/16f --output looks.json",
    "benchmark": "ucf101 --root UCF-101 --model my_model --quick --output report",
    "encode": "-c configs/diffusion.yaml --data.path my_videos --model.autoencoder my_autoencoder --output latents",
    "inspect": "my_videos --size 128x128 --fps 12 --output report",
    "export": "runs/diffusion/checkpoints/best.ckpt --license cc-by-4.0 --output my_model",
    "push": "my_model owner/name --license cc-by-4.0",
    "configs": "copy autoencoder diffusion --output configs",
    "convert": "--autoencoder autoencoder.pth --diffusion diffusion.pth --output pvdm_ucf101",
    "demo": "--data my_videos --output my_demo",
}
"""A line of use for each command, which its help ends with."""

logger = logging.getLogger("pvdm")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; the exit status: 0, 2 for what the user can mend, or a traceback for what we must."""
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


def _show_any_name() -> None:
    """Names of files may be of characters that the terminal does not have, or of none: they are shown as escapes."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):  # of a stream whose file was exchanged behind it
            if isinstance(stream, TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")


def _run(arguments: list[str]) -> None:
    try:
        if arguments and arguments[0] in TRAINING:
            import_module("pvdm.training.cli.command").main(arguments)
            return
        options, unknown = _parser(arguments).parse_known_args(arguments)
        if unknown and not hasattr(options, "of_training"):
            options.parser.error(f"unrecognized arguments: {' '.join(unknown)}")
        options.of_training, options.arguments = unknown, arguments
        options.run(options)
    finally:
        sys.stdout.flush()  # here, where a broken pipe is caught


class _Help(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Shows the defaults that say something, and the example as a line that can be copied."""

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
        looks = {"formatter_class": _Help, "allow_abbrev": False, "epilog": _example(name)}
        command = verbs.add_parser(name, help=summary, description=summary, **looks)
        if name in COMMANDS and name in arguments[:1]:
            module = import_module(f"pvdm.commands.{name}")
            module.add_arguments(command)
            command.set_defaults(run=module.run, parser=command)
    return parser


def _example(name: str) -> str | None:
    return f"Example: pvdm {name} {EXAMPLES[name]}" if name in EXAMPLES else None


if __name__ == "__main__":
    sys.exit(main())
