"""Suppresses Lightning's messages that do not help users."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

WARNINGS = (
    "LightningCLI's args parameter is intended",  # it gets the command line
    "`isinstance.treespec, LeafSpec.` is deprecated",  # inside Lightning
    "The '.*' does not have many workers",  # data.workers says how many
    "You're resuming from a checkpoint that ended before the epoch ended",  # ours resumes with the next batch
    "Checkpoint directory .* exists and is not empty",  # it belongs to the run that is resumed
    "It is recommended to use `self.log.'step', ..., sync_dist=True",  # the value is the same in all processes
    "You have overridden `transfer_batch_to_device` in `LightningModule`",  # it works with any data
    "Found .* module.s. in eval mode at the start of training",  # the frozen autoencoder of stage 2
)
"""Beginnings of warnings, as regular expressions."""

LINES = {
    "pytorch_lightning.utilities.rank_zero": (
        "GPU available:",  # the stages name the device
        "TPU available:",
        "Automatic Mixed Precision",  # so does the precision
        "litlogger",
        "litmodels",
        "` was configured so ",  # set by the user
        "`Trainer.fit` stopped:",  # we log the end of a run with its result
        "Restoring states from the checkpoint",  # and its beginning
        "Restored all states from the checkpoint",
        "Loaded model weights from the checkpoint",
        "Detected KeyboardInterrupt",
    ),
    "lightning_fabric.utilities.seed": ("Seed set to",),
}
"""Parts of lines, by the logger that writes them."""


@contextmanager
def needless_off() -> Iterator[None]:
    """Suppresses these warnings and lines, and no others."""
    with warnings.catch_warnings(), ExitStack() as stack:
        for beginning in WARNINGS:
            warnings.filterwarnings("ignore", message=beginning)
        for name, parts in LINES.items():
            stack.enter_context(_without(logging.getLogger(name), parts))
        yield


@contextmanager
def _without(logger: logging.Logger, parts: tuple[str, ...]) -> Iterator[None]:
    def is_shown(record: logging.LogRecord) -> bool:
        return not any(part in record.getMessage() for part in parts)

    logger.addFilter(is_shown)
    try:
        yield
    finally:
        logger.removeFilter(is_shown)
