"""The checkpoints of a run: the best and the last."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.trainer.states import TrainerFn
from pytorch_lightning.utilities.types import STEP_OUTPUT
from torch import Tensor

from pvdm.errors import InputError
from pvdm.files.pickles import DamagedFile, read_pickle
from pvdm.training.run import checkpoint_files
from pvdm.training.run.stop_signals import Stopped

LAST = Path("checkpoints", checkpoint_files.LAST)
"""Where the newest checkpoint of a run lies, below its folder."""


class RunCheckpoints(ModelCheckpoint):
    """The best model by `monitor`; `last.ckpt` after every validation, when training ends, and upon a stop signal.

    Lightning's own `save_last` would follow the best: it passes over every validation that did not improve. Each
    checkpoint is written where Lightning resumes exactly (see `ExactResume`).
    """

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        self.dirpath = self.dirpath or str((Path(trainer.default_root_dir) / LAST).resolve().parent)
        self._newest = 0
        if stage == "fit":
            _check_shared(trainer)
        if stage == "fit" and trainer.is_global_zero:
            for folder in {Path(self.dirpath), Path(trainer.default_root_dir) / LAST.parent}:
                checkpoint_files.remove_leftovers(folder)
        super().setup(trainer, pl_module, stage)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """The best so far is the file of its name in the present folder, wherever the run lay when it was written.

        If that is not there, or is the best of another run, then none is known.
        """
        best = self._here(state_dict["best_model_path"])
        if not best or self._score_of(best) != state_dict["best_model_score"]:
            return
        paths = {name: self._here(state_dict[name]) for name in ("kth_best_model_path", "last_model_path")}
        models = {self._here(path): score for path, score in state_dict["best_k_models"].items()}
        moved = {"dirpath": self.dirpath, "best_model_path": best, "best_k_models": models, **paths}
        super().load_state_dict({**state_dict, **moved})

    def on_between_batches(self, trainer: Trainer) -> None:
        """Saves before the last update: a stop within the validation that follows costs no more than that update.

        A checkpoint of the finished run, with its validation to come, is not to be had: Lightning would not begin.
        """
        if trainer.global_step == trainer.max_steps - 1:
            self._save_newest(trainer)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: STEP_OUTPUT, batch: Any, batch_idx: int
    ) -> None:
        """Saves a run that ends within an epoch here, before Lightning counts the epoch as complete."""
        super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)
        if _ends_now(trainer) and not trainer.is_last_batch and not _validates_next(trainer, batch_idx):
            self._save_newest(trainer)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        super().on_validation_end(trainer, pl_module)
        if trainer.state.fn == TrainerFn.FITTING and not trainer.sanity_checking:
            self._save_newest(trainer, again=True)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        super().on_train_end(trainer, pl_module)
        if trainer.is_last_batch:
            self._save_newest(trainer, again=True)

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """A signal keeps what was trained, but for an update whose validation is the last (see above)."""
        super().on_exception(trainer, pl_module, exception)
        is_last_validation = trainer.validating and 0 < trainer.max_steps <= trainer.global_step
        if isinstance(exception, Stopped) and exception.between_batches and not is_last_validation:
            self._save_newest(trainer)

    def _here(self, path: str) -> str:
        """The same name in the present folder; no path stays none."""
        return path and str(Path(self.dirpath, Path(path).name))

    def _score_of(self, best: str) -> Tensor | None:
        """The score with which a best checkpoint was written; None if there is no such file.

        InputError if it cannot be read now: it may be the best all the same, and must not be replaced by a worse one.
        """
        if not Path(best).is_file():
            return None
        try:
            states = read_pickle(Path(best), mapped=True)["callbacks"]
        except (DamagedFile, KeyError):
            return None
        return states.get(self.state_key, {}).get("best_model_score")

    def _save_newest(self, trainer: Trainer, *, again: bool = False) -> None:
        """Writes `last.ckpt`, unless it is that of the same update already; `again` replaces that, too."""
        if not trainer.fast_dev_run and (again or trainer.global_step != self._newest):
            self._newest = trainer.global_step
            trainer.save_checkpoint(Path(trainer.default_root_dir) / LAST, weights_only=False)


def _ends_now(trainer: Trainer) -> bool:
    """Whether the run ends with the batch that ends, as far as the Trainer's options say."""
    has_minimum = trainer.global_step >= (trainer.min_steps or 0) and trainer.current_epoch >= (trainer.min_epochs or 0)
    return 0 < trainer.max_steps <= trainer.global_step or (trainer.should_stop and has_minimum)


def _validates_next(trainer: Trainer, batch_idx: int) -> bool:
    """Whether Lightning runs a validation after the batch that ends (unless by time, which it does not tell)."""
    every = trainer.check_val_every_n_epoch
    if not trainer.enable_validation or (every is not None and (trainer.current_epoch + 1) % every):
        return False
    done = (trainer.fit_loop.total_batch_idx if every is None else batch_idx) + 1
    return trainer.should_stop or (bool(trainer.val_check_batch) and done % trainer.val_check_batch == 0)


def _check_shared(trainer: Trainer) -> None:
    """InputError if the first process resumes from a checkpoint that another one does not find, or the reverse."""
    here = (Path(trainer.default_root_dir) / LAST).is_file()
    if trainer.strategy.broadcast(here) != here:
        raise InputError(
            f"process {trainer.global_rank} {'finds' if here else 'does not find'} {LAST} in "
            f"{trainer.default_root_dir}, unlike the first",
            "choose a folder on a disk that all machines share",
        )
