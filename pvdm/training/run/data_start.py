"""The start of a spectral autoencoder: the best linear code of a sample of the training clips."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

import numpy as np
import torch
from pytorch_lightning import Trainer
from torch import Tensor

from pvdm.autoencoder import SpectralAutoencoder, VideoAutoencoder
from pvdm.data import SampleKey

if TYPE_CHECKING:
    from pvdm.data import ClipDataset

CLIPS = 256
"""Clips of the sample; fewer if they are large or the data few."""

BYTES = 1 << 28
"""Memory for the sample."""

EPOCHS = 4
"""How often one sample of the data may be taken; each time with another start and other augmentation."""

logger = logging.getLogger(__name__)


def start_from_data(autoencoder: VideoAutoencoder, trainer: Trainer) -> None:
    """Fits a spectral autoencoder's linear code; leaves others as they are. Rank 0 computes, all processes get it.

    Without a data module, whose loaders may be anything, the code is left to whoever trains (`autoencoder.fit`).
    """
    if not isinstance(autoencoder, SpectralAutoencoder) or trainer.datamodule is None:
        return
    if trainer.is_global_zero:
        start = time.monotonic()
        clips = sample_clips(trainer.datamodule.training, seed=trainer.datamodule.options.seed)
        autoencoder.fit(clips)
        logger.info("started from the best linear code of %d clips (%.0f s)", len(clips), time.monotonic() - start)
    autoencoder.load_state_dict(trainer.strategy.broadcast(autoencoder.state_dict()))


def sample_clips(dataset: ClipDataset, *, seed: int) -> Tensor:
    """Training clips (n, 3, t, h, w) uint8, chosen by the seed alone."""
    first = dataset[0]["video"]
    count = min(CLIPS, EPOCHS * len(dataset), max(1, BYTES // first.numel()))
    generator = np.random.default_rng(seed)
    orders = [generator.permutation(len(dataset)) for _ in range(-(-count // len(dataset)))]
    keys = [SampleKey(epoch, int(index)) for epoch, order in enumerate(orders) for index in order]
    return torch.stack([dataset[key]["video"] for key in keys[:count]])
