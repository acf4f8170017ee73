"""`pvdm completion`: the script by which a shell completes what is typed after `pvdm`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pvdm import configs
from pvdm.cli_parser import COMMANDS, TRAINING, command_parser, subparsers
from pvdm.generation.packaged_models import packaged_models

SHELLS = ("bash", "zsh", "fish")

MODELS = ("model", "weak_model", "fake", "sources", "model.autoencoder", "model.init_from")
"""Arguments whose value may be a packaged model or a file."""

SCRIPTS = {
    "bash": '{name}() {{ compgen -W "{words}" -- "$1"; _shtab_compgen_files "$1"; }}',
    "zsh": "{name}() {{ compadd -- {words}; _files }}",
    "fish": "function {name}; printf '%s\\n' {words}; __fish_complete_path (commandline -ct); end",
}
"""A function that offers words and files, in each shell."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "shell",
        choices=SHELLS,
        help="for bash, write it to ~/.local/share/bash-completion/completions/pvdm; for zsh, to _pvdm in a folder of "
        "$fpath; for fish, to ~/.config/fish/completions/pvdm.fish",
    )


def run(options: argparse.Namespace) -> None:
    from pvdm.training import AutoencoderTraining, DiffusionTraining
    from pvdm.training.cli.command import parser_of

    stages = (AutoencoderTraining, DiffusionTraining)
    sys.stdout.write(script(options.shell, training_options(parser_of("fit"), stages)))


def script(shell: str, training: Iterable[argparse.Action]) -> str:
    """The script for a shell, one of `SHELLS`.

    training: The options that Lightning's commands take, and those of our own that train.
    """
    import shtab

    parser = command_parser(COMMANDS)
    training = list(training)
    for name, command in subparsers(parser).items():
        if name in TRAINING or "of_training" in command._defaults:
            known = command._option_string_actions
            for action in training:
                if not any(option in known for option in action.option_strings):
                    command._add_action(action)
        for part in (command, *subparsers(command).values()):
            _say_values(part, name)
    preamble = "\n".join(_function(shell, name, words) for name, words in _words().items())
    return shtab.complete(parser, shell, preamble=preamble)


def training_options(parser: argparse.ArgumentParser, stages: Sequence[type]) -> list[argparse.Action]:
    """The options of a parser of jsonargparse and of the stages' arguments, for a parser of argparse."""
    from pvdm.config_parser import option_names

    found = argparse.ArgumentParser(add_help=False)
    for action in parser._actions:
        options = [option for option in action.option_strings if not option.endswith("+")]
        if options and action.help != argparse.SUPPRESS and "-h" not in options:
            found.add_argument(*options, choices=_literals(action), help=_plain(action.help))
    names = dict.fromkeys(name for stage in stages for name in option_names(stage, "model."))
    for name in names:
        if f"--{name}" not in found._option_string_actions:
            found.add_argument(f"--{name}")
    return found._actions


def _say_values(parser: argparse.ArgumentParser, command: str) -> None:
    """Gives each argument what shtab completes it with, unless it has choices."""
    import shtab

    for action in parser._actions:
        if action.choices or action.nargs == 0:
            continue
        if action.dest in MODELS or (command == "models" and action.dest == "names"):
            action.complete = _custom("_pvdm_models")
        elif action.dest == "config":
            action.complete = _custom("_pvdm_configs")
        elif command == "configs" and action.dest == "names":
            action.choices = ["copy", *configs.names()]
        elif action.type is Path or action.metavar in ("FILE", "PATH", "FOLDER") or action.dest.endswith("path"):
            action.complete = shtab.FILE


def _words() -> Mapping[str, Sequence[str]]:
    """What the shell's functions offer beside files."""
    return {
        "_pvdm_models": [*packaged_models()],
        "_pvdm_configs": [f"configs/{name}.yaml" for name in configs.names()],
    }


def _custom(name: str) -> dict[str, str]:
    return {"bash": name, "zsh": name, "fish": f"({name})"}


def _function(shell: str, name: str, words: Sequence[str]) -> str:
    return SCRIPTS[shell].format(name=name, words=" ".join(words))


def _literals(action: Any) -> list[str] | None:
    """The choices of an option whose type is a Literal of names."""
    hint = getattr(action, "_typehint", None)
    literals = [part for part in (hint, *get_args(hint)) if get_origin(part) is Literal]
    values = [value for part in literals for value in get_args(part)]
    return values if values and all(isinstance(value, str) for value in values) else None


def _plain(text: str | None) -> str:
    """Help without the marks by which argparse fills in values."""
    return " ".join((text or "").replace("%", "%%").split())
