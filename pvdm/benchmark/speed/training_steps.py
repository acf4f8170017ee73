"""A few training steps of one batch, each within a context of the caller's, who measures them."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import repeat
from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer

from pvdm.training.callbacks.averaging import AveragedWeights

PRECISIONS = {"32": "32-true", "bf16": "bf16-mixed"}
Contexts = Iterable[AbstractContextManager[Any]]


def run_steps(
    module: LightningModule,
    batch: Any,
    contexts: Contexts,
    *,
    device: torch.device,
    precision: str = "32",
    **options: Any,
) -> None:
    """Trains on this one batch as `pvdm fit` would, with averaged weights, and writes nothing.

    A step begins when the batch is on the device, and ends when weights and averages have moved.

    Args:
        module: Either stage.
        batch: As a loader gives it, on the CPU.
        contexts: One for each step, which happens within it; each is asked for when the step before has ended.
        device: Where.
        precision: "32" or "bf16" (mixed).
        options: Further ones of the Trainer.
    """
    with _quiet():
        trainer = Trainer(
            accelerator=device.type,
            devices=[device.index or 0] if device.type == "cuda" else 1,
            precision=PRECISIONS[precision],
            max_steps=-1,
            callbacks=[AveragedWeights(), _Within(contexts)],
            limit_val_batches=0,
            num_sanity_val_steps=0,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            **options,
        )
        trainer.fit(module, repeat(batch))


class _Within(Callback):
    """Enters the next context before a step and leaves it after, also by an error; without a next one it stops."""

    def __init__(self, contexts: Contexts) -> None:
        self.contexts = iter(contexts)
        self.step: AbstractContextManager[Any] | None = None

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.step = next(self.contexts)

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        self.step.__enter__()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self.step.__exit__(None, None, None)
        self.step = next(self.contexts, None)
        trainer.should_stop = self.step is None

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        if self.step is not None:
            self.step.__exit__(type(exception), exception, exception.__traceback__)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what the trainer says of itself and of such a short run."""
    loggers = [logging.getLogger(name) for name in ("pytorch_lightning", "pvdm.training")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)
