"""Batches of a data set, in the order of training or of validation, for this process of the run."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from pytorch_lightning import Trainer
from torch.utils.data import DataLoader

from pvdm.data import ClipDataset, EpochSampler, SampleKey
from pvdm.data import workers as worker
from pvdm.data.options import LoadingOptions
from pvdm.errors import InputError
from pvdm.training.run.resumable_sampler import ResumableSampler, TrainingLoader


@dataclass(frozen=True)
class Loaders:
    """Makes the loaders of this process; without a trainer it is the only one."""

    options: LoadingOptions
    trainer: Trainer | None

    def shuffled(
        self, dataset: ClipDataset, *, seed: int, balanced: bool, batches_done: Callable[[], int]
    ) -> DataLoader:
        """Shuffled for training, from the batch that the run has reached."""
        rank, world_size = self._share(len(dataset), "training")
        labels = dataset.labels if balanced else None
        samples = EpochSampler(len(dataset), seed=seed, shuffle=True, rank=rank, world_size=world_size, labels=labels)
        sampler = ResumableSampler(samples, self.options.batch_size, batches_done)
        loader = self._loader(dataset, sampler, TrainingLoader)
        loader.trainer = self.trainer
        return loader

    def in_order(self, dataset: ClipDataset, indices: np.ndarray) -> DataLoader:
        """The samples of these indices in order, each in one of the processes."""
        rank, world_size = self._share(len(indices), "validation")
        # A list has no epoch that Lightning could set: every validation has the same noise.
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
