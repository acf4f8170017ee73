"""SIGTERM, SIGUSR1 and Ctrl-C: training stops between two batches, where a checkpoint is exact."""

from __future__ import annotations

import logging
import signal
import threading
from types import FrameType
from typing import Any

import torch
from lightning_fabric.plugins.environments import SLURMEnvironment
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.trainer.states import TrainerFn

STOP_SIGNALS = [getattr(signal, name) for name in ("SIGTERM", "SIGINT", "SIGUSR1") if hasattr(signal, name)]

logger = logging.getLogger(__name__)


class Stopped(SystemExit):
    """The run was stopped by a signal; the exit status is 128 and its number, as a shell reports it.

    Processes that another one launched end with 0, for their launcher kills all when one ends with anything else.
    `between_batches` tells whether the run is at a place from which it can go on.
    """

    def __init__(self, number: int, *, between_batches: bool = False, launched: bool = False) -> None:
        super().__init__(0 if launched else 128 + number)
        self.signal, self.between_batches = signal.Signals(number), between_batches


class StopBetweenBatches(Callback):
    """On SIGTERM, SIGUSR1 or the first Ctrl-C, raises `Stopped` at the end of the batch, in all processes at the same.

    It needs not wait for the end of a validation, nor for that of an update of several batches. A second Ctrl-C
    ends training at once, and nothing is saved. Lightning's own handlers broadcast from wherever training is,
    which disturbs what processes have to say to each other, and save for SLURM within a batch; they are replaced.
    Whether a job begins again is the affair of its script.
    """

    def __init__(self) -> None:
        self._received: int | None = None
        self._validation_batches = 0

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Before Lightning's handlers are installed."""
        environment = trainer._accelerator_connector.cluster_environment
        if isinstance(environment, SLURMEnvironment):
            environment.auto_requeue = False

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._received = None
        if threading.current_thread() is threading.main_thread():  # Lightning puts the old ones back at the end
            for number in STOP_SIGNALS:
                signal.signal(number, self._note)

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        self._stop_if_asked(trainer)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Counts the batches that all processes have: the share of one may have one more than that of another."""
        if trainer.state.fn == TrainerFn.FITTING:
            own = torch.tensor(sum(trainer.num_val_batches), device=pl_module.device)
            self._validation_batches = int(pl_module.all_gather(own).min())

    def on_validation_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        if trainer.state.fn == TrainerFn.FITTING and batch_idx < self._validation_batches:
            self._stop_if_asked(trainer)

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Ends the processes that this one has launched, which would wait for it."""
        if trainer.strategy.launcher is not None and not isinstance(exception, Stopped):
            trainer.strategy.launcher.kill(getattr(signal, "SIGKILL", signal.SIGTERM))

    def _note(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGINT and self._received == signal.SIGINT:
            raise KeyboardInterrupt
        if self._received is None:
            self._received = number
            again = "; Ctrl-C again stops at once and saves nothing" if number == signal.SIGINT else ""
            logger.info("%s: saving after this batch%s", signal.Signals(number).name, again)

    def _stop_if_asked(self, trainer: Trainer) -> None:
        number = self._received or 0
        if trainer.world_size > 1:
            number = int(trainer.strategy.all_gather(torch.tensor(number, device=trainer.strategy.root_device)).max())
        if number:
            raise Stopped(number, between_batches=True, launched=trainer.local_rank > 0)
