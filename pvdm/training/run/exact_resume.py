"""Where a run is, as its checkpoints say it: between two batches, whatever the trainer was at."""

from __future__ import annotations

import logging
import math
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.trainer.states import TrainerFn
from torch import Tensor
from torch.distributed.tensor import DTensor

from pvdm.training.run.resumable_sampler import ResumableSampler
from pvdm.training.run.sharding import part_like, whole

POSITION, GRADIENTS = "position", "gradients"
"""Keys of a checkpoint: where the run is, and what an update that is begun has gathered."""

logger = logging.getLogger(__name__)


class ExactResume(Callback):
    """Makes checkpoints from which a run goes on as if it had not stopped, wherever they were written.

    * Lightning's counters differ with the place at which a checkpoint is saved, and some of these it continues with
      an epoch too many or a validation too few. They are brought to one form: so many batches are done.
    * A validation that was broken off is done again, from its beginning.
    * Gradients of an update that is begun (of several batches) are kept, those of each process.
    * If an epoch has another number of batches than it had (other processes, batch size or data), the run goes on
      at the same part of the same epoch, and says so; to the bit it is then another run.
    """

    def __init__(self) -> None:
        self._updates = 0
        self._begun = False
        self._validating = False
        self._gradients: dict[str, Tensor] = {}
        self._added_steps = 0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._updates, self._begun = pl_module.updates, bool(self._gradients)
        for name, parameter in pl_module.named_parameters():
            if name in self._gradients:
                parameter.grad = _gradient(self._gradients[name], parameter, trainer)
        self._gradients = {}

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        self._take_steps_back(trainer)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self._begun = pl_module.updates == self._updates
        self._updates = pl_module.updates

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._validating = not trainer.sanity_checking

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._validating = False
        self._take_steps_back(trainer)

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        if trainer.state.fn != TrainerFn.FITTING or math.isinf(trainer.num_training_batches):
            return
        loops = checkpoint["loops"]["fit_loop"]
        done = loops["epoch_loop.batch_progress"]["total"]["processed"]
        set_position(loops, done, trainer.num_training_batches, validation_due=self._validating)
        checkpoint[POSITION] = {"order_batches": order_batches(trainer), "validation_due": self._validating}
        if self._begun:
            gradients = {name: value.grad for name, value in pl_module.named_parameters() if value.grad is not None}
            checkpoint[GRADIENTS] = {name: _of_all(value, trainer) for name, value in gradients.items()}

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        if trainer.state.fn != TrainerFn.FITTING or POSITION not in checkpoint:
            return
        self._gradients = checkpoint.get(GRADIENTS, {})
        position, found = checkpoint[POSITION], order_batches(trainer)
        if position["order_batches"] != found:
            self._gradients = {}
            _move(trainer, checkpoint["loops"]["fit_loop"], position["order_batches"], found)
        elif position["validation_due"] and trainer.max_steps != -1:  # else none would follow the last update
            self._added_steps = 1
            trainer.fit_loop.epoch_loop.max_steps += 1

    def _take_steps_back(self, trainer: Trainer) -> None:
        trainer.fit_loop.epoch_loop.max_steps -= self._added_steps
        self._added_steps = 0


def set_position(loops: dict[str, Any], done: int, epoch_batches: int, *, validation_due: bool) -> None:
    """Makes the state of Lightning's fit loop that of a run between two batches.

    Args:
        loops: The state, changed in place.
        done: Batches trained on since the beginning.
        epoch_batches: Batches in an epoch.
        validation_due: The validation after the last of these is to come; else it is done, or none is wanted.
    """
    epochs, rest = divmod(done, epoch_batches)
    if validation_due and rest == 0 and epochs > 0:  # it belongs to the epoch, which is not over before it
        epochs, rest = epochs - 1, epoch_batches
    begun = epochs + (rest > 0)
    epoch = {"ready": begun, "started": begun, "processed": epochs, "completed": epochs}
    loops["epoch_progress"] = {"total": epoch, "current": dict(epoch)}
    batches = {"total": _all(done), "current": _all(rest), "is_last_batch": rest == epoch_batches}
    loops["epoch_loop.batch_progress"] = batches
    seen = {**_all(int(validation_due)), "processed": 0, "completed": 0}  # one is begun: Lightning then validates anew
    loops["epoch_loop.val_loop.batch_progress"] = {"total": seen, "current": _all(0), "is_last_batch": False}


def order_batches(trainer: Trainer) -> int | None:
    """Batches in an epoch of the data, for each process; None if the data are not in a `ResumableSampler`."""
    loader = trainer.train_dataloader
    if loader is None and trainer.datamodule is not None:  # not asked for its batches yet
        loader = trainer.datamodule.train_dataloader()
    order = getattr(loader, "sampler", None)
    return order.batches if isinstance(order, ResumableSampler) else None


def _move(trainer: Trainer, loops: dict[str, Any], before: int | None, now: int | None) -> None:
    """To the same part of the same epoch, for epochs of another number of batches."""
    if before is None or now is None:
        return
    done = loops["epoch_loop.batch_progress"]["total"]["completed"] * now // before
    limit = trainer.limit_train_batches
    set_position(loops, done, min(limit, now) if isinstance(limit, int) else int(limit * now), validation_due=False)
    epoch, batch = divmod(done, now)
    logger.info("an epoch had %d batches and has %d now; going on with batch %d of epoch %d", before, now, batch, epoch)


def _of_all(gradient: Tensor, trainer: Trainer) -> Tensor:
    """The gradients of all processes, (n, ...) on the CPU; a divided one is their mean already, (1, ...)."""
    if isinstance(gradient, DTensor):
        return whole(gradient).cpu()[None]
    return trainer.strategy.all_gather(gradient).cpu().reshape(trainer.world_size, *gradient.shape)


def _gradient(gathered: Tensor, parameter: Tensor, trainer: Trainer) -> Tensor:
    """This process's own out of those of all (n, ...); for another number of processes, or divided, their mean."""
    if isinstance(parameter, DTensor) or len(gathered) != trainer.world_size:
        return part_like(gathered.mean(dim=0).to(parameter.device), parameter)
    return gathered[trainer.global_rank].to(parameter.device, copy=True)


def _all(count: int) -> dict[str, int]:
    return dict.fromkeys(("ready", "started", "processed", "completed"), count)
