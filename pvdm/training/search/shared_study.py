"""The study of a search, in a journal file that processes share; any of them may be killed and others join."""

from __future__ import annotations

import json
import logging
import time
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import yaml
from filelock import FileLock, Timeout

from pvdm.errors import InputError
from pvdm.training.run.resumed_settings import changes
from pvdm.training.search.search_space import SearchSpace

if TYPE_CHECKING:
    from optuna import Study
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial, Trial

Method = Literal["tpe", "random", "grid"]
Pruning = Literal["median", "halving", "none"]

NAME = "pvdm"
"""Name of the study in its journal."""

IDENTITY, FOLDER, RESUMES, CAUSE = "identity", "folder", "resumes", "cause"
"""Attributes: what the study searches; of a trial, its folder, the number of the trial it resumes, why it failed."""

LOCK = ".trial.lock"
"""File in the folder of a trial that its process holds locked; the system releases it if the process is killed."""

WAIT = 2.0
"""Seconds between two looks at the trials of other processes."""

MACHINE = (
    *("config", "ckpt_path", "weights_only", "trainer.default_root_dir", "trainer.accelerator", "trainer.devices"),
    *("trainer.strategy", "trainer.enable_progress_bar", "trainer.logger", "trainer.log_every_n_steps"),
    *("data.workers", "data.prefetch", "videos", "predictions", "model.init_args.compile"),
)
"""Keys by which the processes of one search may differ."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Identity:
    """What two searches must share to be one.

    Args:
        space: Its `to_json`.
        config: The configuration of all trials, as YAML text.
        metric: What is optimized.
        mode: min or max.
        grid: Whether the points are those of a grid.
    """

    space: Sequence[Mapping[str, Any]]
    config: str
    metric: str
    mode: str
    grid: bool

    def difference(self, stored: Mapping[str, Any]) -> str | None:
        """A clause on how a study's stored identity differs from this one; None if it does not."""
        for name in ("metric", "mode"):
            if stored[name] != getattr(self, name):
                return f"its {name} is {stored[name]}, not {getattr(self, name)}"
        if stored["grid"] != self.grid:
            return "it is a grid" if stored["grid"] else "it is no grid"
        there, here = ({part["key"]: part for part in space} for space in (stored["space"], self.space))
        if key := next((key for key in {**here, **there} if here.get(key) != there.get(key)), None):
            return (
                f"its search space has another {key}"
                if key in here and key in there
                else (f"its search space has {'no ' if key in here else ''}{key}")
            )
        for key, before, now in changes(yaml.safe_load(stored["config"]), yaml.safe_load(self.config)):
            if not any(f"{key}.".startswith(f"{name}.") for name in MACHINE):
                return f"its {key} is {before}, not {now}"
        return None


class SharedStudy:
    """Hands out trials, to this and other processes, until enough of them have a result.

    A trial counts if it is complete or was pruned. One whose process has been killed is marked failed, and another one,
    which resumes its training in its folder, is put into the queue. All this happens under one lock, so no trial is
    handed out twice, and none is lost.

    Args:
        journal: The file; created if it does not exist.
        folder: Folder of the trials' folders.
        space: What is searched.
        identity: What the study must be about; InputError if the file holds another one, or something else.
        method: How points are chosen.
        pruning: Which trials are ended early.
        seed: Of the choice of points; with the number of the trial it determines all draws.
    """

    def __init__(
        self,
        journal: Path,
        folder: Path,
        *,
        space: SearchSpace,
        identity: Identity,
        method: Method = "tpe",
        pruning: Pruning = "median",
        seed: int = 0,
    ) -> None:
        self.journal, self.folder, self.space, self.method, self.seed = journal, folder, space, method, seed
        self.journal.parent.mkdir(parents=True, exist_ok=True)
        self.lock = FileLock(journal.with_name(f".{journal.name}.lock"))
        with self.lock:
            self.study = _open(journal, identity, _pruner(pruning))
            if IDENTITY not in self.study.user_attrs:
                self._begin(identity)
        if difference := identity.difference(self.study.user_attrs[IDENTITY]):
            raise InputError(f"{journal} holds another search: {difference}", "give another --storage")

    def next(self, wanted: int) -> Trial | None:
        """A trial for this process, whose folder is then locked; None once `wanted` trials have a result.

        Waits while the trials of other processes may make up what is missing.
        """
        while True:
            with self.lock:
                self._release_dead()
                counts = Counter(trial.state.name for trial in self.study.get_trials(deepcopy=False))
                finished = counts["COMPLETE"] + counts["PRUNED"]
                is_exhausted = self.method == "grid" and not counts["WAITING"]
                if finished >= wanted or (is_exhausted and not counts["RUNNING"]):
                    return None
                if finished + counts["RUNNING"] < wanted and not is_exhausted:
                    return self._ask()
            time.sleep(WAIT)

    def complete(self, trial: Trial, value: float) -> None:
        """Records the result of a trial."""
        self._tell(trial, values=value)

    def prune(self, trial: Trial) -> None:
        """Records that a trial was ended early."""
        self._tell(trial, state=_states().PRUNED)

    def fail(self, trial: Trial, cause: str) -> None:
        """Records that the training of a trial has failed; another point takes its place."""
        trial.set_user_attr(CAUSE, cause)
        self._tell(trial, state=_states().FAIL)

    def interrupt(self, trial: Trial) -> None:
        """Records that a trial was stopped, and puts one that resumes it into the queue."""
        with self.lock:
            self._requeue(trial.number, trial.params, trial.user_attrs[FOLDER], "its process was stopped")
        self._own.release()

    def best(self) -> FrozenTrial | None:
        """The best complete trial; None if none is complete."""
        complete = self.study.get_trials(deepcopy=False, states=(_states().COMPLETE,))
        return self.study.best_trial if complete else None

    def twin(self, trial: Trial) -> FrozenTrial | None:
        """A complete trial of the same point, whose training would be the same."""
        complete = self.study.get_trials(deepcopy=False, states=(_states().COMPLETE,))
        return next((other for other in complete if other.params == trial.params), None)

    def folder_of(self, trial: Trial | FrozenTrial) -> Path:
        """The folder of its training."""
        return self.folder / trial.user_attrs.get(FOLDER, _name(trial.number))

    def _begin(self, identity: Identity) -> None:
        """Describes a new study and, for a grid, puts its points into the queue, in an order that the seed decides."""
        if leftover := next(iter(sorted(self.folder.glob("trial-*"))), None):
            raise InputError(
                f"{leftover} exists already, and {self.journal} holds no search",
                "give the --storage of that search, or another --trainer.default_root_dir",
            )
        points = []
        if self.method == "grid":
            import numpy as np

            points = self.space.grid()
            points = [points[place] for place in np.random.default_rng(self.seed).permutation(len(points))]
        for point in points:
            self.study.enqueue_trial(point)
        self.study.set_user_attr(IDENTITY, json.loads(json.dumps(vars(identity))))

    def _ask(self) -> Trial:
        trials = len(self.study.get_trials(deepcopy=False))
        self.study.sampler = _sampler(self.method, self.seed + trials)
        trial = self.study.ask(self.space.distributions())
        if FOLDER not in trial.user_attrs:
            trial.set_user_attr(FOLDER, _name(trial.number))
        folder = self.folder_of(trial)
        folder.mkdir(parents=True, exist_ok=True)
        self._own = FileLock(folder / LOCK)
        self._own.acquire(timeout=0)
        return trial

    def _release_dead(self) -> None:
        """Marks the trials failed whose process is gone, and puts others into the queue that resume them."""
        for trial in self.study.get_trials(deepcopy=False, states=(_states().RUNNING,)):
            folder = self.folder_of(trial)
            folder.mkdir(parents=True, exist_ok=True)
            lock = FileLock(folder / LOCK)
            try:
                lock.acquire(timeout=0)
            except Timeout:
                continue
            lock.release()
            self._requeue(trial.number, trial.params, folder.name, "its process was killed")

    def _requeue(self, number: int, params: Mapping[str, Any], folder: str, cause: str) -> None:
        self.study.tell(number, state=_states().FAIL)
        if params.keys() == self.space.distributions().keys():
            self.study.enqueue_trial(dict(params), user_attrs={FOLDER: folder, RESUMES: number})
            logger.info("trial %d is marked failed, as %s; another one resumes it in %s", number, cause, folder)

    def _tell(self, trial: Trial, **result: Any) -> None:
        with self.lock:
            self.study.tell(trial, **result)
        self._own.release()


def check_installed() -> None:
    """InputError if Optuna is not installed."""
    try:
        import optuna  # noqa: F401
    except ModuleNotFoundError as error:
        problem = "pvdm tune needs Optuna, which is not installed"
        raise InputError(problem, "pip install 'pvdm[search]'") from error


def _open(journal: Path, identity: Identity, pruner: BasePruner) -> Study:
    """The study in a journal, or a new one; InputError if the file is another one."""
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    _check_journal(journal)
    direction = "maximize" if identity.mode == "max" else "minimize"
    try:
        storage = JournalStorage(JournalFileBackend(str(journal)))
        names = [study.study_name for study in storage.get_all_studies()]
        if names and NAME not in names:
            raise InputError(f"{journal} holds the study {names[0]}, not one of pvdm tune", "give another --storage")
        study = optuna.create_study(
            storage=storage, study_name=NAME, direction=direction, pruner=pruner, load_if_exists=True
        )
        if names and IDENTITY not in study.user_attrs and study.get_trials(deepcopy=False):
            raise InputError(f"{journal} holds a study that pvdm tune has not made", "give another --storage")
    except (ValueError, KeyError, TypeError, AttributeError, AssertionError) as error:
        raise _no_journal(journal) from error
    return study


def _check_journal(journal: Path) -> None:
    """InputError if a file is not a journal; drops its last line if a killed process did not finish that."""
    from optuna.storages.journal import JournalFileSymlinkLock

    if not journal.exists() or not (content := journal.read_bytes()):
        return
    try:
        is_journal = "op_code" in json.loads(content.partition(b"\n")[0])
    except (ValueError, TypeError):
        is_journal = False
    if not is_journal:
        raise _no_journal(journal)
    if not content.endswith(b"\n"):
        lock = JournalFileSymlinkLock(str(journal))
        lock.acquire()
        try:
            with journal.open("r+b") as file:
                file.truncate(journal.read_bytes().rfind(b"\n") + 1)
        finally:
            lock.release()


def _no_journal(path: Path) -> InputError:
    return InputError(f"{path} is not the journal of a search", "give another --storage")


def _sampler(method: Method, seed: int) -> BaseSampler:
    from optuna.samplers import RandomSampler, TPESampler

    if method == "tpe":
        return TPESampler(seed=seed, multivariate=True, constant_liar=True)
    return RandomSampler(seed=seed)


def _pruner(pruning: Pruning) -> BasePruner:
    from optuna.pruners import MedianPruner, NopPruner, SuccessiveHalvingPruner

    return {"median": MedianPruner, "halving": SuccessiveHalvingPruner, "none": NopPruner}[pruning]()


def _states() -> Any:
    from optuna.trial import TrialState

    return TrialState


def _name(number: int) -> str:
    return f"trial-{number:04d}"
