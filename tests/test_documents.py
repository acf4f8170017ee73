"""The commands in the documents parse, and the options that they name exist."""

from __future__ import annotations

import re
import shlex
from argparse import ArgumentParser
from pathlib import Path

import pytest

from pvdm.cli_parser import COMMANDS, TRAINING, command_parser
from pvdm.config_parser import option_names
from pvdm.training import AutoencoderTraining, ConsistencyTraining, DiffusionTraining
from pvdm.training.callbacks.evaluation import Evaluation
from pvdm.training.cli.command import TrainingCLI, main, parsed, parser_of

DOCS = Path(__file__).parents[1] / "docs"
DOCUMENTS = [
    DOCS / f"{name}.md"
    for name in (
        *("usage", "conditions", "curation", "energy", "evaluation", "few_steps", "scaling", "speed", "stages"),
        *("quickstart_own_videos", "quickstart_research", "runtimes", "studio", "studio_api", "study"),
        *(f"guides/{name}" for name in ("game_assets", "film", "telecommunication", "image_series")),
    )
]
OTHERS = {
    "signal",
    "ntasks-per-node",
    "nproc-per-node",
    "logdir",
    "max-restarts",
    "trainer.strategy.copies",
    "lacking",
    "minutes",
    "rounds",
    "parts",
    "python",
    "index-url",
    "kinds",
    "webgpu",
}
"""Options of SLURM, of torchrun, of TensorBoard, of pip, of a strategy, and of docs/benchmarks/gpu.sh."""
CONTINUED = " ..."
"""Stands in a command for the options of the line before."""


class Understood(Exception):
    """Raised once the options of a training command have been read."""


def lines() -> list[str]:
    """Commands of the shell blocks."""
    text = "".join(path.read_text(encoding="utf-8") for path in DOCUMENTS)
    blocks = re.findall(r"```sh\n(.*?)```", text, flags=re.DOTALL)
    commands = dict.fromkeys(line for block in blocks for line in block.splitlines() if "pip install" not in line)
    assert all("pvdm" in line for line in commands)
    return list(commands)


def arguments(line: str) -> list[str]:
    """The words after `pvdm`, or after `-m pvdm.cli` of torchrun."""
    words = shlex.split(line.replace(CONTINUED, " --data.path my_videos --model.autoencoder my_autoencoder"))
    return words[max(words.index(name) for name in ("pvdm", "pvdm.cli") if name in words) + 1 :]


@pytest.mark.parametrize("line", lines())
def test_a_command_is_understood(line, monkeypatch):
    words = arguments(line)
    if words[0] in TRAINING:

        def stop(self):
            raise Understood

        monkeypatch.setattr(TrainingCLI, "before_instantiate_classes", stop)
        with pytest.raises(Understood):
            main(words)
    else:
        options, unknown = command_parser(words).parse_known_args(words)
        assert parsed(unknown) if hasattr(options, "of_training") else not unknown
        assert options.run.__module__.startswith("pvdm.commands.")


@pytest.fixture(scope="module")
def known_options() -> set[str]:
    """Every option of training and of our own commands."""
    found = {action.dest for action in parser_of("fit")._actions}
    for stage in (AutoencoderTraining, DiffusionTraining, ConsistencyTraining):
        found.update(option_names(stage, "model."))
    found.update(option_names(Evaluation, "evaluation."))
    for command in COMMANDS:
        subparsers = next(action for action in command_parser([command])._actions if action.choices)
        found.update(_options(subparsers.choices[command]))
    return found | {"debug"}


def _options(parser: ArgumentParser) -> set[str]:
    """Those of a command, and of the commands within it."""
    found = {option.lstrip("-") for action in parser._actions for option in action.option_strings}
    within = [action for action in parser._actions if isinstance(action.choices, dict)]
    return found.union(*(_options(part) for action in within for part in action.choices.values()))


@pytest.mark.parametrize("document", [*DOCUMENTS, DOCS.parent / "README.md"], ids=lambda path: path.stem)
def test_an_option_in_the_text_exists(known_options, document):
    text = re.sub(r"```.*?```", "", document.read_text(encoding="utf-8"), flags=re.DOTALL)
    named = set(re.findall(r"(?<![\w-])--([a-z][\w.-]*\w)", text)) - OTHERS
    assert named - known_options == set()
    assert named
