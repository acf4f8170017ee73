"""The verbs of `pvdm curate` that find out which selection people prefer: compare, vote and elo."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

from pvdm.commands.studies.served_study import PORT, result_of, serve
from pvdm.commands.terminal.shared_options import add_device, device_of, natural, positive
from pvdm.files.atomic_write import replacing

RECIPE = "configs/recipes/pvdm2.yaml"
RATINGS = "elo.md"

logger = logging.getLogger(__name__)


def add_compare_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "selections", nargs="+", type=Path, metavar="SELECTION", help="two or more outputs of pvdm select"
    )
    parser.add_argument("--recipe", default=RECIPE, metavar="FILE", help="the recipe of the model that each trains")
    parser.add_argument(
        "--budget",
        nargs="+",
        type=float,
        required=True,
        metavar="SECONDS",
        help="for each stage of the recipe: CPU seconds, or seconds of a GPU; the updates that they allow on the "
        "first selection are those of all",
    )
    parser.add_argument("--output", type=Path, required=True, help="folder of the pairs; the same command resumes")
    parser.add_argument("--overwrite", action="store_true", help="start over where another comparison lies")
    parser.add_argument(
        "--set", nargs="+", metavar="KEY=VALUE", help="values of config keys for all stages, such as data.fps=12"
    )
    parser.add_argument("--pairs", type=positive, default=100, help="pairs of each two selections")
    parser.add_argument("--steps", type=positive, default=20, help="sampling steps of each clip")
    parser.add_argument("--seed", type=natural, default=0, help="seed of the trainings, the samples and the sides")
    add_device(parser)


def run_compare(options: argparse.Namespace) -> None:
    """Trains, samples and writes the pairs."""
    device = device_of(options.device)
    from pvdm.benchmark.selections.selection_bench import run_comparison

    run_comparison(options, device=device)


def add_vote_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, help="output of pvdm curate compare")
    parser.add_argument("--port", type=natural, default=PORT, help="of 127.0.0.1, which only this machine reaches")
    parser.add_argument("--voter", default="", help="name that is kept with the votes; each voter sees all pairs")


def run_vote(options: argparse.Namespace) -> None:
    """Serves the page until it is interrupted."""
    serve(options.folder, port=options.port, voter=options.voter, then=f"pvdm curate elo {options.folder}")


def add_elo_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, help="output of pvdm curate compare, after some votes")


def run_elo(options: argparse.Namespace) -> None:
    """Prints the ratings and writes them to the folder."""
    table = result_of(options.folder, vote_by=f"pvdm curate vote {options.folder}")
    with replacing(options.folder / RATINGS, overwrite=True) as temporary:
        temporary.write_text(table, encoding="utf-8")
    logger.info(table.rstrip())
