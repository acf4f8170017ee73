"""All commands, and the parser of our own, whose errors are one sentence.

It builds on argparse. jsonargparse, which LightningCLI uses for training, does not suit our commands: it has neither
`parse_known_args`, which `pvdm encode` needs, nor `add_subparsers`, and reports refused values only as text.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from importlib import import_module
from importlib.metadata import version
from typing import Any, NamedTuple, NoReturn

from pvdm.errors import InputError


class Verb(NamedTuple):
    """A command's summary in `pvdm --help`, and the arguments of the example at the end of its own help."""

    summary: str
    example: str


STAGE_1 = "-c configs/autoencoder.yaml --data.path my_videos"

TRAINING = {
    "fit": Verb("train either stage: the config says which", STAGE_1),
    "validate": Verb(
        "compute the validation metrics of a checkpoint",
        f"{STAGE_1} --ckpt_path runs/autoencoder/checkpoints/best.ckpt",
    ),
    "test": Verb(
        "compute the test metrics of a checkpoint", f"{STAGE_1} --ckpt_path runs/autoencoder/checkpoints/best.ckpt"
    ),
    "predict": Verb(
        "write reconstructions (stage 1) or samples (stage 2) of a checkpoint as mp4 files",
        f"{STAGE_1} --ckpt_path runs/autoencoder/checkpoints/best.ckpt",
    ),
}
"""Lightning's commands, see `pvdm.training.cli`."""

COMMANDS = {
    "sample": Verb("sample new clips from noise", "my_model --num-videos 8 --output samples"),
    "extend": Verb(
        "continue a video, or a new clip, to any number of frames",
        "my_model --input my_video.mp4 --frames 512 --output continued.mp4",
    ),
    "interpolate": Verb(
        "put new frames between those of a video of any length",
        "my_model my_video.mp4 --factor 4 --output smooth.mp4",
    ),
    "repair": Verb(
        "make missing or damaged frames of a video from those around them",
        "my_model my_video.mp4 --missing 40-47 60 --output whole.mp4",
    ),
    "upscale": Verb(
        "make a small video as large as the model's clips, at any length",
        "my_model small.mp4 --output large.mp4",
    ),
    "recombine": Verb(
        "give the content of one video the motion of another, or new motion",
        "my_model --content a.mp4 --motion b.mp4 --output c.mp4",
    ),
    "reconstruct": Verb(
        "encode and decode a video with the autoencoder",
        "my_model my_video.mp4 --side-by-side --output beside.mp4",
    ),
    "explain": Verb(
        "write a page that takes a clip apart into its planes, and shows noise becoming a clip",
        "my_video.mp4 --model my_model --output page.html",
    ),
    "studio": Verb(
        "open a page that plays and steers endless video while it is made",
        "pvdm/sprites-64 --port 7860",
    ),
    "evaluate": Verb(
        "measure FVD, IS and other metrics of videos or a model by a named protocol",
        "--real my_videos --fake my_model --protocol coherence/16f --output looks.json",
    ),
    "benchmark": Verb(
        "measure the paper's tables for a model, the speed of each part, the solvers, or how well recipes learn",
        "ucf101 --root UCF-101 --model my_model --quick --output report",
    ),
    "encode": Verb(
        "encode a data set into latents once, for every training of stage 2 on it",
        "-c configs/diffusion.yaml --data.path my_videos --model.autoencoder my_autoencoder --output latents",
    ),
    "stages": Verb(
        "train in stages, such as images, video and a small set of high quality, each from the one before",
        "configs/recipes/stages_cpu.yaml --output runs/stages",
    ),
    "tune": Verb(
        "search hyperparameters by trainings that are compared by a validation metric",
        f"{STAGE_1} --search search.yaml --trials 40 --output best.yaml",
    ),
    "inspect": Verb(
        "report what a data set holds, what is damaged, and the clips that training would take",
        "my_videos --size 128x128 --fps 12 --output report",
    ),
    "curate": Verb(
        "turn a folder of raw video into a catalogue of clips: cuts, scores, captions, duplicates",
        "raw_videos --output catalogue",
    ),
    "select": Verb(
        "select clips of a catalogue by an expression over their scores, as a data set for training",
        'catalogue --where "cuts == 0 and motion > 0.3 and text_area < 0.07" --output selection.parquet',
    ),
    "study": Verb(
        "ask many people which of two videos is better, in the browser, and rate what they come from",
        "real_videos my_model other_model --output my_study",
    ),
    "configs": Verb(
        "list, print or copy the configs that come with the package",
        "copy autoencoder diffusion --output configs",
    ),
    "provenance": Verb(
        "sign generated files, verify who made a file by what, and read watermarks", "verify my_video.mp4"
    ),
    "models": Verb("say what a model is and takes, or list the models that come with the package", "pvdm/sprites-64"),
    "export": Verb(
        "export a training checkpoint to a model folder, or a model to ONNX or to a web page that samples",
        "runs/diffusion/checkpoints/best.ckpt --license cc-by-4.0 --output my_model",
    ),
    "push": Verb("upload a model and its card to the Hugging Face Hub", "my_model owner/name --license cc-by-4.0"),
    "convert": Verb(
        "convert the released checkpoints to a model folder",
        "--autoencoder autoencoder.pth --diffusion diffusion.pth --output pvdm_ucf101",
    ),
    "doctor": Verb("check what is installed, what works here, what is missing, and how to get it", "--json"),
    "completion": Verb("print the script by which a shell completes commands, options, choices and models", "bash"),
    "demo": Verb(
        "show generated video in seconds, then train on real clips and show what was learned, in minutes on a CPU",
        "--data my_videos --output my_demo",
    ),
}
"""Our own commands; each has a module in `pvdm.commands`."""


def example(verb: str) -> str:
    """The last line of a command's help."""
    return f"Example: pvdm {verb} {({**TRAINING, **COMMANDS})[verb].example}"


def parsers() -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Every command and its parser, in the order of `pvdm --help`, followed by its subcommands ("benchmark speed").

    For documents, completion and tests, because it imports everything. Parsers of Lightning's commands are
    jsonargparse's.
    """
    for name in TRAINING:
        yield name, import_module("pvdm.training.cli.command").parser_of(name)
    for name, parser in subparsers(command_parser(COMMANDS)).items():
        if name in COMMANDS:
            yield name, parser
            yield from ((f"{name} {part}", below) for part, below in subparsers(parser).items())


def subparsers(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """The parsers of a command's subcommands by their names."""
    return parser._subparsers._group_actions[0].choices if parser._subparsers else {}


def command_parser(complete: Iterable[str]) -> CommandParser:
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


class Help(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Shows informative defaults only, and keeps the example on one line."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        is_trivial = action.required or action.default is None or action.default is False
        return action.help if is_trivial else super()._get_help_string(action)


class CommandParser(argparse.ArgumentParser):
    """Raises `InputError` where argparse would print its usage and exit.

    An option's `type` raises `InputError` for a value that it refuses; any other exception is a bug. `usual_part` is
    the one of its subcommands that is meant where none is named.
    """

    usual_part: str | None = None

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"formatter_class": Help, "allow_abbrev": False, "exit_on_error": False, **options})
        self.register("type", float, finite)
        self.register("type", int, whole)

    def parse_known_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> tuple[Any, list[str]]:
        self._values = argparse.Namespace() if namespace is None else namespace
        if self.usual_part:
            others = {*self._subparsers._group_actions[0].choices} - {self.usual_part}  # a folder may be called so
            args = list(args or ()) if args and args[0] in others else [self.usual_part, *(args or ())]
        try:
            return super().parse_known_args(args, self._values)
        except argparse.ArgumentError as error:
            if error.argument_name is None:  # newer versions of Python raise this for missing arguments
                self.error(error.message)
            raise InputError(f"{error.argument_name}: {error.message}", f"see {self.prog} --help") from error

    def error(self, message: str) -> NoReturn:
        """Refuses missing arguments; argparse raises everything else, see `exit_on_error`."""
        values = vars(self._values)
        missing = [_name(action) for action in self._actions if action.required and values.get(action.dest) is None]
        raise InputError(f"{' and '.join(missing)} must be given", f"see {self.prog} --help")

    def refuse_unknown(self, arguments: Sequence[str]) -> NoReturn:
        """InputError for the first of the arguments that `parse_known_args` did not know."""
        name = arguments[0].partition("=")[0]
        if not name.startswith("-"):
            raise InputError(f"{name} is an unexpected argument", f"see {self.prog} --help")
        close = nearest(name, self._option_string_actions)
        raise InputError(f"{name} is not an option of {self.prog}{close}", f"see {self.prog} --help")

    def _get_value(self, action: argparse.Action, text: str) -> Any:
        try:
            return self._registry_get("type", action.type, action.type)(text)
        except InputError as error:
            raise InputError(f"{_name(action)} is {text}", error.remedy, option=action.dest) from error

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is None or value in action.choices:
            return
        if isinstance(action, argparse._SubParsersAction):
            close = nearest(str(value), action.choices)
            raise InputError(f"there is no command {self.prog} {value}{close}", f"see {self.prog} --help")
        choices = ", ".join(map(str, action.choices))
        raise InputError(f"{_name(action)} is {value}", f"choose one of {choices}", option=action.dest)


def _name(action: argparse.Action) -> str:
    """An option by its long name, a positional argument as the help names it."""
    long = (option for option in action.option_strings if option.startswith("--"))
    return next(long, None) or action.metavar or action.dest


def finite(text: str) -> float:
    """A number, neither infinite nor NaN."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise InputError(f"{text} is not a finite number", "give a finite number")
    return number


def whole(text: str, least: int | None = None) -> int:
    """A whole number, of at least `least`."""
    try:
        number = int(text)
    except ValueError:
        number = None
    if number is None or (least is not None and number < least):
        wanted = "a whole number" if least is None else f"a whole number of at least {least}"
        raise InputError(f"{text} is not {wanted}", f"give {wanted}")
    return number


def nearest(name: str, known: Iterable[str]) -> str:
    """The most similar known name as a question in parentheses, or nothing."""
    found = get_close_matches(name, list(known), n=1, cutoff=0.75)
    return f" (did you mean {found[0]}?)" if found else ""
