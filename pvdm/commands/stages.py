"""`pvdm stages`: trains the stages of a recipe, each from the one before, and resumes them."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from pvdm.errors import InputError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description += (
        "\nEach stage is a run of pvdm fit in a folder of its own. The same command resumes: finished stages are"
        "\nskipped, and an interrupted one continues exactly. docs/stages.md says how to write a recipe."
    )
    parser.add_argument(
        "recipe", metavar="RECIPE", help="YAML file of the stages, such as configs/recipes/stages_cpu.yaml"
    )
    parser.add_argument(
        "--output", type=Path, help="folder of the stages; by default that of the recipe's name in runs"
    )
    parser.add_argument(
        "--set",
        nargs="+",
        metavar="KEY=VALUE",
        help="values of config keys for all stages, such as trainer.accelerator=cpu",
    )
    parser.add_argument(
        "--print-commands", action="store_true", help="print the commands of the stages and run nothing"
    )


def run(options: argparse.Namespace) -> None:
    from pvdm.training.cli.recipe import read_recipe
    from pvdm.training.cli.staged_training import StagedTraining

    recipe = read_recipe(options.recipe)
    training = StagedTraining(recipe, options.output or Path("runs", recipe.name), options.set or ())
    if options.print_commands:
        training.check()
        sys.stdout.write(training.shown())
        return
    if os.environ.get("WORLD_SIZE", "1") != "1":
        raise InputError(
            "pvdm stages runs in one process, and WORLD_SIZE is set",
            "give the devices of this machine as --set trainer.devices=N, or start the commands of "
            "{print_commands} one by one",
        )
    training.run()
