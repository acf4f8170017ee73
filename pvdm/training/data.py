"""Clips of a data set, in batches, for both stages."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
from pytorch_lightning import LightningDataModule
from torch.utils.data import DataLoader

from pvdm.data import Index, Splits
from pvdm.data.collection import VideoCollection
from pvdm.errors import InputError
from pvdm.runtime.processes import connected
from pvdm.training.cached_latents import CachedLatents
from pvdm.training.loaders import Loaders

logger = logging.getLogger(__name__)


class VideoData(VideoCollection, LightningDataModule):
    """A `VideoCollection`, or the latents that `pvdm encode` made of one, as batches for all processes of a run."""

    def __init__(self, path: Path, **options: Any) -> None:
        """options: Those of `VideoCollection`."""
        super().__init__(path, **options)
        self.prepare_data_per_node = False  # one process keeps the index
        self.latents: CachedLatents | None = None
        self.is_refused = False
        """Whether `prepare_data` has found what `setup` will say."""
        self._agreed = False

    def prepare_data(self) -> None:
        """Looks at the files in one process; what is wrong is left to `setup`, where all of them say it."""
        if self.given_layout != "latents":
            try:
                self._found = self._look()
            except InputError:
                self.is_refused = True

    def setup(self, stage: str = "fit") -> None:
        """As `VideoCollection.setup`, once."""
        if self.training is None and self.given_layout == "latents":
            self._take_latents()
        else:
            super().setup(stage)

    def find(self) -> tuple[Splits, Index]:
        """As `VideoCollection.find`.

        What the first process finds is so for all: a disk that fails one of them must not make their orders differ.
        """
        if self.trainer is not None and not self._agreed and self.given_layout != "latents":
            found = (self._found or self._looked()) if self._leads else None
            self._found, self._agreed = self.trainer.strategy.broadcast(found), True
        return super().find()

    def describe(self) -> dict[str, Any]:
        """As `VideoCollection.describe`; of latents, what their videos said."""
        if self.latents:
            return {**self.latents.describe(self.card), "samples": len(self.training)}
        return super().describe()

    def train_dataloader(self) -> DataLoader:
        return self._loaders.shuffled(
            self.training, seed=self.seed, balanced=self.balanced, batches_done=self._batches_done
        )

    def val_dataloader(self) -> DataLoader:
        chosen = self.validated
        if len(chosen) < len(self.validation) and self._leads:
            logger.info(
                "a validation takes %d of %d clips, spread over all videos (data.validation_clips)",
                *(len(chosen), len(self.validation)),
            )
        return self._loaders.in_order(self.validation, chosen)

    def test_dataloader(self) -> DataLoader:
        return self._loaders.in_order(self.validation, np.arange(len(self.validation)))

    def predict_dataloader(self) -> DataLoader:
        return self.test_dataloader()

    @property
    def _loaders(self) -> Loaders:
        return Loaders(self.batch_size, self.workers, self.prefetch, self.trainer)

    @property
    def _leads(self) -> bool:
        """Whether this is the process that writes and speaks for all."""
        return self.trainer is None or self.trainer.is_global_zero

    def _take_latents(self) -> None:
        """As `setup`; clips, parts and classes are those that were encoded.

        Where one process cannot open them all say so: none is to wait for it.
        """
        latents = self._opened()
        for found in connected().gather(latents if isinstance(latents, InputError) else None):
            if found:
                raise found
        if self._leads:
            latents.tell(self.augmentation)
        self.latents, self.clip, self.classes = latents, latents.plan.clip, latents.plan.classes
        flip, count = self.augmentation.horizontal_flip, self.clips_per_video
        self.training = latents.dataset(training=True, seed=self.seed, horizontal_flip=flip, clips_per_video=count)
        self.validation = latents.dataset(training=False, seed=self.seed)

    def _opened(self) -> CachedLatents | InputError:
        try:
            return self._open_latents()
        except InputError as error:
            return error

    def _open_latents(self) -> CachedLatents:
        latents = CachedLatents(self.path)
        latents.check_clip(self.clip, self.clips)
        latents.check_parts(self.part, self.split, balanced=self.balanced)
        if self.folders:
            raise InputError("latents have the parts that were encoded", "leave out data.training_folders and the like")
        latents.check_colors(self.augmentation.color_jitter)
        return latents

    def _batches_done(self) -> int:
        return self.trainer.fit_loop.total_batch_idx + 1 if self.trainer else 0
