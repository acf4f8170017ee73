"""Watches over- and underfitting: the same figure of training clips beside that of validation, at the same weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.trainer.states import TrainerFn
from torch import Tensor
from torch.utils.data import DataLoader

from pvdm.errors import check_range
from pvdm.training.data import ClipData
from pvdm.training.reductions import SampleMeans

SHARE = 0.05
"""Part of the run's whole improvement that counts as an improvement, for the advice at the end."""

LONG = 0.2
"""Part of the run after which validation that has not improved is overtaken, for the advice at the end."""


class Measured(NamedTuple):
    """One validation: the updates so far, and the figure of training and of validation clips."""

    updates: int
    training: float
    validation: float


class GeneralizationGap(Callback):
    """Logs how much better the model is on clips that it trains on than on those of validation.

    Each validation also measures training clips: as many as it takes itself, the same each time, with the same
    (averaged) weights and without augmentation. `val/psnr_training` or `val/loss_training` is their figure, and
    `val/gap` the difference, positive if training clips do better: a gap that grows while `val/psnr` falls or
    `val/loss` rises means overfitting. Training is not affected.

    Args:
        samples: Most training clips that a validation measures; 0 turns it off.
    """

    def __init__(self, samples: int = 256) -> None:
        check_range(0, samples=samples)
        self.samples = samples
        self.history: list[Measured] = []
        self._validation: SampleMeans | None = None
        self._loader: DataLoader | None = None

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._loader = None

    def on_validation_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._validation = SampleMeans(["figure"], pl_module.device) if self._is_due(trainer) else None

    def on_validation_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        if self._validation is not None:
            self._validation.add("figure", outputs)

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """While the averaged weights are still in place."""
        if self._validation is None:
            return
        if self._loader is None:
            count = self._validation.count_over_ranks(trainer.strategy)
            self._loader = _training_clips(trainer, min(count, self.samples))
        means = SampleMeans(["figure"], pl_module.device)
        for batch in self._loader:
            means.add("figure", _figures(trainer, pl_module, batch))
        training, validation = (
            float(part.over_ranks(trainer.strategy)["figure"]) for part in (means, self._validation)
        )
        self.history.append(Measured(pl_module.updates, training, validation))
        gap = _sign(pl_module) * (training - validation)
        gap = {f"{pl_module.figure}_training": training, "val/gap": gap}
        pl_module.log_dict(gap, sync_dist=True)  # they are equal already; avoids a warning

    def state_dict(self) -> dict[str, Any]:
        return {"history": [list(measured) for measured in self.history]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.history = [Measured(*measured) for measured in state_dict["history"]]

    def advice(self, pl_module: LightningModule) -> str | None:
        """One sentence on over- or underfitting; None if the run shows neither, or was not measured."""
        return advice(self.history, name=pl_module.figure, sign=_sign(pl_module))

    def _is_due(self, trainer: Trainer) -> bool:
        is_of_run = trainer.state.fn == TrainerFn.FITTING and not trainer.sanity_checking
        return self.samples > 0 and is_of_run and isinstance(trainer.datamodule, ClipData)


def advice(history: Sequence[Measured], *, name: str, sign: int) -> str | None:
    """What the figures of a run's validations recommend; see `GeneralizationGap.advice`.

    Overfitting: validation was best more than `LONG` of the run ago, and since then training alone has improved.
    Underfitting: validation is best at the end, and both improved in the last `LONG` of the run. An improvement counts
    if it is at least `SHARE` of that which training has made since the first validation.

    Args:
        history: In the order of time.
        name: The figure.
        sign: 1 if a higher figure is better, else -1.
    """
    if len(history) < 3:
        return None
    updates, training, validation = (np.array(column, dtype=float) for column in zip(*history, strict=True))
    training, validation = sign * training, sign * validation
    enough = SHARE * (training[-1] - training[0])
    if not enough > 0:  # also if a figure is not finite
        return None
    best = int(validation.argmax())
    recent = max(int(np.searchsorted(updates, (1 - LONG) * updates[-1], side="right")) - 1, 0)
    waited, validations = int(updates[-1] - updates[best]), len(history) - 1 - best
    if validations > 1 and waited > LONG * updates[-1] and training[-1] - training[best] > enough:
        return (
            f"{name} has not improved for {waited} updates while training has: more data, augmentation or an earlier "
            "stop (--early_stopping.patience) would help"
        )
    if best == len(history) - 1 and min(part[-1] - part[recent] for part in (training, validation)) > enough:
        return (
            f"{name} and training still improve at the end: train longer (raise --trainer.max_steps, and with it "
            "--model.optimizer.cosine_steps if it is set)"
        )
    return None


def _training_clips(trainer: Trainer, count: int) -> DataLoader:
    """Clips evenly spread over the training data, as validation would read them."""
    data = trainer.datamodule
    clips = data.collection.measured_training
    loader = data.loaders.in_order(clips, clips.evenly_spread(max(count, trainer.world_size)))
    loader.generator = torch.Generator()  # workers' seeds are drawn from it, not from the global generator
    return loader


def _figures(trainer: Trainer, pl_module: LightningModule, batch: Any) -> Tensor:
    batch = pl_module.transfer_batch_to_device(batch, pl_module.device, 0)
    with trainer.precision_plugin.val_step_context():
        return pl_module.figures(batch)


def _sign(pl_module: LightningModule) -> int:
    return 1 if pl_module.higher_is_better else -1
