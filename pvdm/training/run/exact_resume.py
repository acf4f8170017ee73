"""What a checkpoint holds beyond Lightning's own state, so that a resumed run equals an uninterrupted one to the bit.

Lightning restores its loops exactly from a checkpoint written between two batches (`TrainingLoader`), at the end of a
validation, within `on_train_batch_end` before an epoch's last batch, or after an epoch. `RunCheckpoints` writes there
and nowhere else. What Lightning lacks is here, with the only two places that set a flag of its loops (`restarting`).
"""

from __future__ import annotations

import logging
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.trainer.states import TrainerFn
from torch import Tensor
from torch.distributed.tensor import DTensor

from pvdm.training.run.resumable_sampler import ResumableSampler
from pvdm.training.run.sharding import part_like, whole

POSITION, GRADIENTS = "position", "gradients"
"""Keys of a checkpoint: the position in the data, and the gradients that an unfinished update has accumulated."""

logger = logging.getLogger(__name__)


class ExactResume(Callback):
    """Completes Lightning's checkpoints and what it restores from them.

    * A validation that was interrupted is run again from its beginning, before training continues.
    * A validation or the end of an epoch may lie within an update of several batches (stage 1 carries the rest of an
      epoch over to the next). The gradients accumulated so far are stored then, those of each process.
    * If an epoch has another number of batches than it had (other processes, batch size or data), the run resumes at
      the same part of the same epoch of the data, and says so; to the bit it is then another run.
    """

    def __init__(self) -> None:
        self._updates = 0
        self._is_within_update = False
        self._gradients: dict[str, Tensor] = {}
        self._is_validation_due = False
        self._shift = 0  # batches by which the position in the data is ahead of Lightning's count

    def batches_done(self, trainer: Trainer) -> int:
        """Batches of the data that come before the next one, counted from the first epoch."""
        return trainer.fit_loop.total_batch_idx + 1 + self._shift

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._updates, self._is_within_update = pl_module.updates, bool(self._gradients)
        for name, parameter in pl_module.named_parameters():
            if name in self._gradients:
                parameter.grad = _gradient(self._gradients[name], parameter, trainer)
        self._gradients = {}
        loop = trainer.fit_loop
        if loop.batch_idx + 1 >= trainer.num_training_batches and not loop.restarted_mid_epoch:
            loop.epoch_loop.restarting = False  # with max_steps Lightning would add a batch to the finished epoch
        if self._is_validation_due:
            validate(trainer)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self._is_within_update = pl_module.updates == self._updates
        self._updates = pl_module.updates

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._is_validation_due = trainer.state.fn == TrainerFn.FITTING and not trainer.sanity_checking

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._is_validation_due = False

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        if trainer.state.fn != TrainerFn.FITTING:
            return
        position = {"batches": self.batches_done(trainer), "shift": self._shift}
        position |= {"order_batches": batches_per_epoch(trainer), "validation_due": self._is_validation_due}
        checkpoint[POSITION] = position
        if self._is_within_update:
            gradients = {name: value.grad for name, value in pl_module.named_parameters() if value.grad is not None}
            checkpoint[GRADIENTS] = {name: _of_all(value, trainer) for name, value in gradients.items()}

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        if trainer.state.fn != TrainerFn.FITTING or POSITION not in checkpoint:
            return
        position = _of_older_version(checkpoint) if "shift" not in checkpoint[POSITION] else checkpoint[POSITION]
        self._shift, self._is_validation_due = position["shift"], position["validation_due"]
        self._gradients = checkpoint.get(GRADIENTS, {})
        before, now = position["order_batches"], batches_per_epoch(trainer)
        if before is not None and now is not None and before != now:
            done = position["batches"] * now // before
            self._shift += done - position["batches"]
            self._gradients, self._is_validation_due = {}, False
            epoch, batch = divmod(done, now)
            logger.info(
                "an epoch had %d batches and has %d now; resuming at batch %d of epoch %d", before, now, batch, epoch
            )
        if self._is_validation_due and 0 < trainer.max_steps <= checkpoint["global_step"]:
            logger.warning("the last validation was interrupted, and no update is left: pvdm validate runs it")


def validate(trainer: Trainer) -> None:
    """Runs a validation before the first batch, as the trainer runs its own between batches."""
    loop = trainer.fit_loop.epoch_loop.val_loop
    loop.restarting = False  # else it skips the batches of the validation at which the checkpoint was written
    trainer.validating = True
    loop.run()
    loop.reset()  # else an epoch whose batches are all done ends without Lightning noticing that it has resumed
    trainer.training = True


def batches_done(trainer: Trainer) -> int:
    """Batches of the data that come before the next one; see `ExactResume.batches_done`."""
    resume = next((callback for callback in trainer.callbacks if isinstance(callback, ExactResume)), None)
    return (resume or ExactResume()).batches_done(trainer)


def batches_per_epoch(trainer: Trainer) -> int | None:
    """Batches in an epoch of the data, for each process; None if the data are not in a `ResumableSampler`."""
    loader = trainer.train_dataloader
    if loader is None and trainer.datamodule is not None:  # not asked for its batches yet
        loader = trainer.datamodule.train_dataloader()
    sampler = getattr(loader, "sampler", None)
    return sampler.batches if isinstance(sampler, ResumableSampler) else None


def _of_older_version(checkpoint: dict[str, Any]) -> dict[str, Any]:
    """The position of a checkpoint that an older version wrote, which marked a due validation in Lightning's state."""
    loops = checkpoint["loops"]["fit_loop"]
    loops.pop(
        "epoch_loop.val_loop.batch_progress", None
    )  # else Lightning repeats the validation at every resume after it
    return {"batches": loops["epoch_loop.batch_progress"]["total"]["completed"], "shift": 0, **checkpoint[POSITION]}


def _of_all(gradient: Tensor, trainer: Trainer) -> Tensor:
    """The gradients of all processes, (n, ...) on the CPU; a sharded one is their mean already, (1, ...)."""
    if isinstance(gradient, DTensor):
        return whole(gradient).cpu()[None]
    return trainer.strategy.all_gather(gradient).cpu().reshape(trainer.world_size, *gradient.shape)


def _gradient(gathered: Tensor, parameter: Tensor, trainer: Trainer) -> Tensor:
    """This process's own out of those of all (n, ...); for another world size, or sharded, their mean."""
    if isinstance(parameter, DTensor) or len(gathered) != trainer.world_size:
        return part_like(gathered.mean(dim=0).to(parameter.device), parameter)
    return gathered[trainer.global_rank].to(parameter.device, copy=True)
