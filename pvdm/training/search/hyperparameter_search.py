"""Searches hyperparameters: each trial is a training, compared and ended early by one metric of its validations."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pvdm.errors import InputError
from pvdm.files.atomic_write import check_output, replacing
from pvdm.training.cli.command import parsed, resolved
from pvdm.training.search.search_space import SearchSpace, by_key, check_keys, options_of
from pvdm.training.search.shared_study import Identity, SharedStudy
from pvdm.training.search.trial_process import OUTPUT, TrialFailed, TrialProcess, unusable

if TYPE_CHECKING:
    from jsonargparse import Namespace
    from optuna.trial import FrozenTrial, Trial

MARK = "# The best trial of pvdm tune"
"""Beginning of the file with the best config."""

MOST_FAILED, MOST_FAILED_AT_FIRST = 10, 3
"""Trials in a row whose failure ends a search: something is wrong with all of them; before any is complete, fewer."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Objective:
    """What a search optimizes: a metric of validations, and whether its minimum or its maximum."""

    metric: str
    mode: str

    @classmethod
    def of(cls, config: Namespace, metric: str | None, mode: str | None) -> Objective:
        """Those given, else those by which a run chooses its best checkpoint; InputError if neither says."""
        chosen = config.checkpoint
        metric = metric or chosen.monitor
        if metric is None:
            raise InputError("there is no metric to search by", "give one as --metric, such as val/loss")
        mode = mode or (chosen.mode if metric == chosen.monitor else None)
        if mode is None:
            raise InputError(f"--metric is {metric} without a direction", "give --mode min or max")
        return cls(metric, mode)

    def best(self, values: Sequence[float]) -> float:
        """The best of some values."""
        return max(values) if self.mode == "max" else min(values)


def check_space(space: SearchSpace, arguments: Sequence[str]) -> None:
    """InputError that names the key if `pvdm fit` with these arguments does not take a value of the space."""
    for point in space.examples():
        config = parsed([*arguments, *options_of(point)])
        check_keys(space, dict(by_key(config.as_dict())), point)


def identity_of(space: SearchSpace, arguments: Sequence[str], objective: Objective, *, grid: bool) -> Identity:
    """What distinguishes a search from others."""
    return Identity(space.to_json(), resolved(arguments), objective.metric, objective.mode, grid)


def check_best_file(path: Path) -> None:
    """InputError if a file is there that no search has written."""
    if path.is_file() and path.read_text(encoding="utf-8", errors="replace").startswith(MARK):
        return
    if path.exists():
        raise InputError(f"{path} exists already and is not of a search", "choose another --output")
    check_output(path)


@dataclass(frozen=True)
class HyperparameterSearch:
    """Runs trials until the study has enough of them.

    Args:
        study: The study, which other processes may share.
        arguments: Those of `pvdm fit`, without the keys that are searched.
        objective: What is optimized; of a trial, its best value.
        output: The file for the best config.
    """

    study: SharedStudy
    arguments: Sequence[str]
    objective: Objective
    output: Path

    def run(self, wanted: int) -> FrozenTrial | None:
        """Runs trials until `wanted` have a result -> the best; InputError if too many in a row fail."""
        failed = 0
        while (trial := self.study.next(wanted)) is not None:
            cause = self._run(trial)
            failed = failed + 1 if cause else 0
            best = self.study.best()
            if failed >= (MOST_FAILED_AT_FIRST if best is None else MOST_FAILED):
                raise InputError(f"{failed} trials in a row have failed, the last one because {cause}", "correct that")
            if best is not None and best.number == trial.number:
                self.write_best()
        return self.study.best()

    def write_best(self) -> None:
        """Writes the whole config of the best trial, for `pvdm fit -c`, to a folder of its own below the trials'."""
        with self.study.lock:
            if (best := self.study.best()) is None:
                return
            folder = f"--trainer.default_root_dir={self.study.folder / 'best'}"
            text = resolved([*self.arguments, *options_of(best.params), folder])
            where = self.study.folder_of(best)
            lines = [f"{MARK}: trial {best.number}, {self.objective.metric} {best.value:.6g}, in {where}"]
            lines += [f"#   {name}: {value}" for name, value in best.params.items()]
            with replacing(self.output, overwrite=True) as temporary:
                temporary.write_text("\n".join([*lines, text]), encoding="utf-8")

    def _run(self, trial: Trial) -> str | None:
        """Runs one trial and records its result -> why it failed, if it did."""
        number, point = trial.number, ", ".join(f"{name} {value}" for name, value in trial.params.items())
        if twin := self.study.twin(trial):
            self.study.complete(trial, twin.value)
            logger.info("trial %d repeats trial %d and has its result: %s", number, twin.number, point)
            return None
        logger.info("trial %d begins in %s: %s", number, self.study.folder_of(trial), point)
        try:
            value = self._train(trial)
        except TrialFailed as failure:
            self.study.fail(trial, str(failure))
            logger.warning("trial %d failed: %s (see %s)", number, failure, self.study.folder_of(trial) / OUTPUT)
            return str(failure)
        except InputError as error:
            self.study.fail(trial, str(error))
            raise
        except (KeyboardInterrupt, SystemExit):
            self.study.interrupt(trial)
            raise
        if value is None:
            self.study.prune(trial)
            logger.info("trial %d is ended early", number)
        else:
            self.study.complete(trial, value)
            logger.info("trial %d: %s %.6g; best: %s", number, self.objective.metric, value, self._told_best())
        return None

    def _train(self, trial: Trial) -> float | None:
        """The best value of a training; None if it was ended early. TrialFailed if it has none."""
        values: dict[int, float] = {}
        options = [*self.arguments, *options_of(trial.params)]
        with TrialProcess(self.study.folder_of(trial), options) as training:
            for validation in training.validations():
                if self.objective.metric not in validation.metrics:
                    raise unusable(self.objective.metric, validation)
                value = validation.metrics[self.objective.metric]
                if validation.updates in values or not math.isfinite(value):
                    continue
                values[validation.updates] = value
                trial.report(value, validation.updates)
                if trial.should_prune():
                    return None
        if not values:
            raise TrialFailed(f"no validation had a finite {self.objective.metric}, or none was made")
        return self.objective.best(list(values.values()))

    def _told_best(self) -> str:
        best = self.study.best()
        return f"{best.value:.6g} of trial {best.number}"
