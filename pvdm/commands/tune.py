"""`pvdm tune`: searches hyperparameters by trainings, which several processes may share and any of them may resume."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

from pvdm.commands.terminal.shared_options import natural, positive
from pvdm.runtime.signals import ended_by_sigterm

METHODS, PRUNINGS = ("tpe", "random", "grid"), ("median", "halving", "none")

logger = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description += (
        "\nIt also takes the options of pvdm fit, which all trials share: -c, data.*, model.* and so on. The same\n"
        "command resumes a search; started several times, also on other GPUs, the processes share its trials."
    )
    parser.add_argument("--search", type=Path, required=True, help="YAML file of the keys to search and their values")
    parser.add_argument(
        "--trials",
        type=positive,
        default=40,
        help="trials that the whole search needs, complete or ended early; failed ones are replaced",
    )
    parser.add_argument(
        "--method",
        choices=METHODS,
        default="tpe",
        help="how values are chosen: tree-structured Parzen estimator, at random, or all points of a grid",
    )
    parser.add_argument("--metric", help="metric of a validation; by default that of the best checkpoint")
    parser.add_argument("--mode", choices=("min", "max"), help="which values of the metric are better")
    parser.add_argument(
        "--pruning",
        choices=PRUNINGS,
        default="median",
        help="which trials end early: those worse than the median of the others at the same update, those that "
        "successive halving drops, or none",
    )
    parser.add_argument("--seed", type=natural, default=0, help="seed of the choice of values")
    parser.add_argument(
        "--storage",
        type=Path,
        help="journal file of the search, which optuna-dashboard shows; by default tune.journal in the run's folder",
    )
    parser.add_argument(
        "--output", type=Path, help="YAML file for the best config; by default best.yaml in the run's folder"
    )
    parser.set_defaults(of_training=True)


def run(options: argparse.Namespace) -> None:
    from pvdm.training.search.search_space import SearchSpace
    from pvdm.training.search.shared_study import SharedStudy, check_installed

    space, arguments = SearchSpace.read(options.search), options.of_training
    check_installed()
    from pvdm.training.cli.command import parsed
    from pvdm.training.search import hyperparameter_search as search

    if options.method == "grid":
        space.grid()
    config = parsed(arguments)
    objective = search.Objective.of(config, options.metric, options.mode)
    search.check_space(space, arguments)
    folder = Path(config.trainer.default_root_dir or ".")
    output = options.output or folder / "best.yaml"
    search.check_best_file(output)
    with ended_by_sigterm():
        study = SharedStudy(
            options.storage or folder / "tune.journal",
            folder,
            space=space,
            identity=search.identity_of(space, arguments, objective, grid=options.method == "grid"),
            method=options.method,
            pruning=options.pruning,
            seed=options.seed,
        )
        trials = search.HyperparameterSearch(study, arguments, objective, output)
        best = trials.run(options.trials)
        trials.write_best()
    if best is None:
        logger.warning("no trial is complete")
    else:
        logger.info("best: trial %d, %s %.6g; its config is %s", best.number, objective.metric, best.value, output)
