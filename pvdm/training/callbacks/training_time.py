"""How long a run has trained, its interruptions left out."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer

from pvdm.files.pickles import read_pickle


class TrainingTime(Callback):
    """Adds up the seconds of training, validation included, of a run and of those that it resumes.

    They are kept in its checkpoints. Lightning's Timer would do, but a trainer with one ignores `trainer.max_time`.
    """

    def __init__(self) -> None:
        self._before = 0.0
        self._began: float | None = None

    @property
    def seconds(self) -> float:
        """Of training so far."""
        return self._before + (0.0 if self._began is None else time.monotonic() - self._began)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._began = time.monotonic()

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._before, self._began = self.seconds, None

    def state_dict(self) -> dict[str, Any]:
        return {"seconds": self.seconds}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._before = float(state_dict["seconds"])


def training_seconds(checkpoint: str | Path) -> float | None:
    """What the run behind a checkpoint had trained when it was written; None if that was not recorded yet."""
    state = read_pickle(checkpoint).get("callbacks", {}).get(TrainingTime.__qualname__)
    return None if state is None else float(state["seconds"])
