"""SIGTERM, SIGUSR1 and Ctrl-C: training stops between two batches, where a checkpoint is exact."""

from __future__ import annotations

import logging
import signal
import threading
from types import FrameType
from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.trainer.states import TrainerFn
from torch import distributed

STOP_SIGNALS = [getattr(signal, name) for name in ("SIGTERM", "SIGINT", "SIGUSR1") if hasattr(signal, name)]

logger = logging.getLogger(__name__)


class Stopped(SystemExit):
    """The run was stopped by a signal; the exit status is 128 and its number, as a shell reports it.

    Launched processes exit with 0, because their launcher kills all if one exits with anything else.
    `between_batches` says whether the run can resume from where it is.
    """

    def __init__(self, number: int, *, between_batches: bool = False, launched: bool = False) -> None:
        super().__init__(0 if launched else 128 + number)
        self.signal, self.between_batches = signal.Signals(number), between_batches


class Agreement:
    """The largest of the numbers that all processes pass, known to all of them at the next call.

    The exchange goes over gloo, from processor to processor, while the batch is computed: no process waits for its
    device, nor for another that is less than a batch behind. All processes must make it and call it equally often.

    device: Exchanges the numbers where gloo does not work; each call then waits for the exchange of the one before.
    """

    def __init__(self, device: torch.device) -> None:
        try:
            self._group, device = distributed.new_group(backend="gloo"), torch.device("cpu")
        except RuntimeError:  # `EndWithOthers` logs it
            self._group = None
        self._work: distributed.Work | None = None
        self._largest = torch.zeros((), dtype=torch.int64, device=device)

    def __call__(self, number: int) -> int:
        """The largest number of the previous call, 0 at first; once it is not 0, nothing more is exchanged."""
        self.end()
        largest = int(self._largest)
        if not largest:
            self._largest.fill_(number)
            self._work = distributed.all_reduce(self._largest, distributed.ReduceOp.MAX, self._group, async_op=True)
        return largest

    def end(self) -> None:
        """Waits for the exchange in progress."""
        if self._work is not None:
            self._work.wait()
            self._work = None


class StopBetweenBatches(Callback):
    """On SIGTERM, SIGUSR1 or the first Ctrl-C, raises `Stopped` after the batch, in all processes after the same one.

    With several processes that is the next batch, see `Agreement`.

    It does not wait for the end of a validation, or of an update of several batches. A second Ctrl-C stops training at
    once and saves nothing. Lightning's own handlers are replaced: they broadcast from wherever training is, which
    disturbs the other communication of the processes, and for SLURM save within a batch. Requeueing a job is left to
    its script.
    """

    def __init__(self) -> None:
        self._received: int | None = None
        self._validation_batches = 0
        self._agreed: Agreement | None = None

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        if stage == "fit" and trainer.world_size > 1 and self._agreed is None:
            self._agreed = Agreement(trainer.strategy.root_device)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._received = None
        if threading.current_thread() is threading.main_thread():  # Lightning restores the old handlers at the end
            for number in STOP_SIGNALS:
                signal.signal(number, self._note)

    def on_between_batches(self, trainer: Trainer) -> None:
        self._stop_if_asked(trainer)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Counts the batches that every process has: some ranks may have one batch more than others."""
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

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self._agreed is not None:
            self._agreed.end()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Ends the processes that this one launched, which would wait for it."""
        if trainer.strategy.launcher is not None and not isinstance(exception, Stopped):
            trainer.strategy.launcher.kill(getattr(signal, "SIGKILL", signal.SIGTERM))

    def _note(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGINT and self._received == signal.SIGINT:
            raise KeyboardInterrupt
        if self._received is None:
            self._received = number
            again = "; Ctrl-C again stops at once and saves nothing" if number == signal.SIGINT else ""
            which = "this" if self._agreed is None else "the next"
            logger.info("%s: saving after %s batch%s", signal.Signals(number).name, which, again)

    def _stop_if_asked(self, trainer: Trainer) -> None:
        number = self._received or 0
        if number := number if self._agreed is None else self._agreed(number):
            raise Stopped(number, between_batches=True, launched=trainer.local_rank > 0)
