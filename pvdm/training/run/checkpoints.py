"""The checkpoints of a run: the best and the last."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.trainer.states import TrainerFn
from torch import Tensor

from pvdm.errors import InputError
from pvdm.files.pickles import DamagedFile, read_pickle
from pvdm.training.run import checkpoint_files
from pvdm.training.run.stop_signals import Stopped

LAST = Path("checkpoints", checkpoint_files.LAST)
"""Where the newest checkpoint of a run lies, below its folder."""


class RunCheckpoints(ModelCheckpoint):
    """The best model by `monitor`; `last.ckpt` after every validation, when training ends, and upon a signal to stop.

    Lightning's own `save_last` would follow the best: it passes over every validation that did not improve.
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

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        super().on_validation_end(trainer, pl_module)
        if trainer.state.fn == TrainerFn.FITTING and not trainer.sanity_checking:
            self._save_newest(trainer)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        super().on_train_end(trainer, pl_module)
        self._save_newest(trainer)

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """A signal keeps what was trained."""
        super().on_exception(trainer, pl_module, exception)
        if isinstance(exception, Stopped) and exception.between_batches:
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

    def _save_newest(self, trainer: Trainer) -> None:
        if not trainer.fast_dev_run and trainer.global_step != self._newest:
            self._newest = trainer.global_step
            trainer.save_checkpoint(Path(trainer.default_root_dir) / LAST, weights_only=False)


def _check_shared(trainer: Trainer) -> None:
    """InputError if the first process goes on from a checkpoint that another one does not find, or the reverse."""
    here = (Path(trainer.default_root_dir) / LAST).is_file()
    if trainer.strategy.broadcast(here) != here:
        raise InputError(
            f"process {trainer.global_rank} {'finds' if here else 'does not find'} {LAST} in "
            f"{trainer.default_root_dir}, unlike the first",
            "choose a folder on a disk that all machines share",
        )
