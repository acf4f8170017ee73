"""Data modules of both stages: clips in batches, read from videos or cached latents."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pytorch_lightning import LightningDataModule, Trainer
from torch.utils.data import DataLoader

from pvdm.autoencoder import VideoAutoencoder
from pvdm.conditions.given_frames import GivenFrames, cached_kinds
from pvdm.data import ClipDataset, DataOptions, EpochSampler, SampleKey
from pvdm.data import workers as worker
from pvdm.data.collection import ClipCollection
from pvdm.data.data_options import LoadingOptions
from pvdm.data.latents.latent_collection import LatentCollection
from pvdm.data.mixing.mixed_clips import MixedClips
from pvdm.data.mixing.mixed_collection import MixedCollection, collection_of
from pvdm.data.video_collection import VideoCollection
from pvdm.errors import InputError
from pvdm.runtime.processes import connected
from pvdm.training.latent_encoding import digest_of
from pvdm.training.run.exact_resume import batches_done
from pvdm.training.run.resumable_sampler import ResumableSampler, TrainingLoader

logger = logging.getLogger(__name__)


class ClipData(LightningDataModule):
    """The samples of a `ClipCollection` as batches, for all processes of a run.

    Args:
        path: Folder of the data set; the layout scenes needs none.
        options: See `DataOptions`.
    """

    collection: ClipCollection

    def __init__(self, path: Path | None = None, **options: Any) -> None:
        super().__init__()
        self.prepare_data_per_node = False  # one process writes the index of the videos
        self.options = DataOptions(path, **options)

    @property
    def training(self) -> ClipDataset | None:
        """Samples to train on; after `setup`."""
        return self.collection.training

    @property
    def validation(self) -> ClipDataset | None:
        """Samples to validate on; after `setup`."""
        return self.collection.validation

    def train_dataloader(self) -> DataLoader:
        return self.loaders.shuffled(
            self.training,
            seed=self.options.seed,
            balanced=self.options.balanced,
            batches_done=self._batches_done,
        )

    def val_dataloader(self) -> DataLoader:
        chosen = self.collection.validated
        if len(chosen) < len(self.validation) and self._is_rank_zero:
            logger.info(
                "a validation takes %d of %d clips, spread over all videos (data.validation_clips)",
                *(len(chosen), len(self.validation)),
            )
        return self.loaders.in_order(self.validation, chosen)

    def test_dataloader(self) -> DataLoader:
        return self.loaders.in_order(self.validation, np.arange(len(self.validation)))

    def predict_dataloader(self) -> DataLoader:
        return self.test_dataloader()

    @property
    def loaders(self) -> Loaders:
        """Makes the loaders of this process."""
        return Loaders(self.options.loading, self.trainer)

    @property
    def _is_rank_zero(self) -> bool:
        """Whether this process logs for all."""
        return self.trainer is None or self.trainer.is_global_zero

    def _batches_done(self) -> int:
        return batches_done(self.trainer) if self.trainer else 0


class VideoData(ClipData):
    """Clips of videos, pixels (3, t, h, w) uint8 as "video".

    Args:
        path: Folder of the videos; the layout scenes needs none.
        options: See `DataOptions`.
    """

    collection: VideoCollection | MixedCollection

    def __init__(self, path: Path | None = None, **options: Any) -> None:
        super().__init__(path, **options)
        if self.options.layout == "latents":
            raise InputError("VideoData is for videos", "use pvdm.training.LatentData for latents")
        self.collection = collection_of(self.options)
        self.is_refused = False
        """Whether `prepare_data` has found an error, which `setup` raises."""

    def prepare_data(self) -> None:
        """Finds the files in one process; `setup` raises errors, in all processes."""
        self.is_refused = isinstance(self.collection.discover(), InputError)

    def setup(self, stage: str = "fit") -> None:
        """Makes the samples, once.

        All processes use the files that the first one has found, in its order, even if a disk fails for one of them.
        """
        if self.trainer is not None and self.training is None:
            discovered = self.collection.discover() if self._is_rank_zero else None
            self.collection.discovered = self.trainer.strategy.broadcast(discovered)
        self.collection.setup(log=self._is_rank_zero)


class LatentData(ClipData):
    """Latents of clips (2, c, l) as "latent", cached by `pvdm encode`, of context and target, for stage 2.

    Args:
        path: Folder of the latents.
        options: See `DataOptions`; `setup` refuses those that the latents cannot satisfy.
    """

    collection: LatentCollection

    def __init__(self, path: Path | None = None, **options: Any) -> None:
        super().__init__(path, **options)
        self.collection = LatentCollection.of(self.options)

    def setup(self, stage: str = "fit") -> None:
        """Makes the samples, once; if one process cannot open them, all raise its error, so that none waits for it."""
        error = None
        try:
            self.collection.setup(log=self._is_rank_zero)
        except InputError as own:
            error = own
        for refusal in connected().gather(error):
            if refusal:
                raise refusal

    def check_autoencoder(self, autoencoder: VideoAutoencoder) -> None:
        """InputError unless the latents come from this autoencoder."""
        self.collection.check_autoencoder(digest_of(autoencoder))

    def check_hints(self, given: GivenFrames) -> None:
        """InputError unless the hints that training with these given frames needs were encoded."""
        self.collection.check_hints(cached_kinds(given), given.blur_factors if given.blurred else None)


def data_module(path: Path | None = None, **options: Any) -> ClipData:
    """The data module of videos or, with `layout` "latents", of the latents that `pvdm encode` made of them.

    Args:
        path: Folder of the data set; the layout scenes needs none.
        options: See `DataOptions`.
    """
    if options.get("layout") == "latents":
        return LatentData(path, **options)
    return VideoData(path, **options)


@dataclass(frozen=True)
class Loaders:
    """Makes the loaders of this process, which without a trainer is the only one."""

    options: LoadingOptions
    trainer: Trainer | None

    def shuffled(
        self, dataset: ClipDataset, *, seed: int, balanced: bool, batches_done: Callable[[], int]
    ) -> DataLoader:
        """Shuffled for training, from the batch that the run has reached."""
        rank, world_size = self._share(len(dataset), "training")
        labels, weights = dataset.labels if balanced else None, None
        if isinstance(dataset, MixedClips):
            labels, weights = dataset.numbers, dataset.weights
        among = {"rank": rank, "world_size": world_size}
        samples = EpochSampler(len(dataset), seed=seed, shuffle=True, **among, labels=labels, weights=weights)
        sampler = ResumableSampler(samples, self.options.batch_size, batches_done)
        loader = self._loader(dataset, sampler, TrainingLoader)
        loader.trainer = self.trainer
        return loader

    def in_order(self, dataset: ClipDataset, indices: np.ndarray) -> DataLoader:
        """The samples of these indices in order, each in one of the processes."""
        rank, world_size = self._share(len(indices), "validation")
        # A list has no epoch that Lightning could set, so every validation has the same noise.
        return self._loader(dataset, [SampleKey(0, index) for index in indices[rank::world_size].tolist()])

    def _share(self, count: int, purpose: str) -> tuple[int, int]:
        """(rank, world size); InputError if there are fewer samples than processes."""
        rank, world_size = (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)
        if count < world_size:
            raise InputError(
                f"there are {count} samples for {purpose} and {world_size} processes",
                "give more or longer videos (for validation, data.validation_clips may be too small), or fewer "
                "--trainer.devices",
            )
        return rank, world_size

    def _loader(
        self, dataset: ClipDataset, samples: Iterable[SampleKey], kind: type[DataLoader] = DataLoader
    ) -> DataLoader:
        workers = self.options.workers
        if workers is None:
            workers = worker.default_workers(self.trainer.num_devices if self.trainer else 1)
        return kind(
            dataset,
            batch_size=self.options.batch_size,
            sampler=samples,
            num_workers=workers,
            prefetch_factor=self.options.prefetch if workers else None,
            pin_memory=bool(self.trainer) and self.trainer.strategy.root_device.type == "cuda",
            persistent_workers=workers > 0,
            worker_init_fn=worker.begin,
        )
