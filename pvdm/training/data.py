"""Clips of a folder of videos, in batches, for both stages."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from pytorch_lightning import LightningDataModule
from torch.utils.data import DataLoader

from pvdm.data import ClipDataset, EpochSampler, SampleKey, Video, find_split, index_videos
from pvdm.errors import InputError, check_range
from pvdm.training.order import TrainingOrder
from pvdm.video import ClipShape

logger = logging.getLogger(__name__)


class VideoData(LightningDataModule):
    """Videos or folders of frames below `path`, split into training and validation by file.

    Args:
        path: Folder; its sub-folders `train` and `val`, if there are such, are the split.
        frames: Frames of a clip.
        height: Pixels; frames are scaled to cover height and width, and cropped.
        width: Pixels.
        stride: Every how manieth frame of the file is taken.
        fps: Frames per second instead of a stride.
        clips: Consecutive clips in one sample: 1 for stage 1; 2, context and target, for stage 2.
        batch_size: Samples per process.
        workers: Processes that read files; 0 reads in the training process.
        validation_fraction: Share of the files for validation, if there are no such sub-folders.
        clips_per_video: Samples of a video in each epoch of training; as many as fit end to end if not given.
        random_crop: Crop at a random place in training, else in the centre.
        horizontal_flip: Mirror half of the training samples.
        seed: Of order and augmentation; the run's own.
    """

    def __init__(
        self,
        path: Path,
        *,
        frames: int = 16,
        height: int = 256,
        width: int = 256,
        stride: int = 1,
        fps: float | None = None,
        clips: int = 1,
        batch_size: int = 8,
        workers: int = 4,
        validation_fraction: float = 0.1,
        clips_per_video: int | None = None,
        random_crop: bool = False,
        horizontal_flip: bool = False,
        seed: int = 0,
    ) -> None:
        super().__init__()
        check_range(1, clips=clips, batch_size=batch_size, clips_per_video=clips_per_video)
        check_range(0, workers=workers)
        self.path, self.clips = path, clips
        self.clip = ClipShape(frames, height, width, stride, fps)
        self.batch_size, self.workers = batch_size, workers
        self.validation_fraction, self.clips_per_video, self.seed = validation_fraction, clips_per_video, seed
        self.augmentation = {"random_crop": random_crop, "horizontal_flip": horizontal_flip}
        self.training: ClipDataset | None = None
        self.validation: ClipDataset | None = None

    def setup(self, stage: str) -> None:
        """Finds the files and reads their lengths, once; `InputError` for what a user can mend."""
        if self.training is not None:
            return
        split = find_split(self.path, validation_fraction=self.validation_fraction, seed=self.seed)
        training = index_videos(split.train)
        validation = index_videos(split.validation)
        if not validation:
            logger.warning("there are no videos for validation; clips of the training videos are used for it")
        self.training = self._dataset(training, training=True, **self.augmentation)
        self.validation = self._dataset(validation or training, training=False)

    @property
    def clip_fps(self) -> float | None:
        """Frames per second of the training clips, the median; None where no file records it."""
        rates = [self.clip.output_fps(video.info) for video in self.training.videos if video.info.fps]
        return float(np.median(rates)) if rates else None

    def check_sizes(self, *, frames: int, height: int, width: int, clips: int) -> None:
        """InputError unless samples are `clips` clips of these sizes."""
        found = (self.clips, self.clip.frames, self.clip.height, self.clip.width)
        if found != (clips, frames, height, width):
            raise InputError(
                f"the data gives {found[0]} clip(s) of {found[1]} frames of {found[2]}x{found[3]}, the model takes "
                f"{clips} of {frames} frames of {height}x{width}; set data.clips, frames, height and width to that"
            )

    def train_dataloader(self) -> DataLoader:
        samples = self._samples(self.training, shuffle=True)
        return self._loader(self.training, TrainingOrder(samples, self.batch_size, self._batches_done))

    def val_dataloader(self) -> DataLoader:
        # A list, whose epoch nobody can set: the same noise at every validation.
        return self._loader(self.validation, list(self._samples(self.validation, shuffle=False)))

    def test_dataloader(self) -> DataLoader:
        return self.val_dataloader()

    def predict_dataloader(self) -> DataLoader:
        return self.val_dataloader()

    def _batches_done(self) -> int:
        return self.trainer.fit_loop.total_batch_idx + 1 if self.trainer else 0

    def _samples(self, dataset: ClipDataset, *, shuffle: bool) -> EpochSampler:
        rank, world_size = (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)
        return EpochSampler(len(dataset), seed=self.seed, shuffle=shuffle, rank=rank, world_size=world_size)

    def _dataset(self, videos: list[Video], *, training: bool, **augmentation: bool) -> ClipDataset:
        shape = self.clip.longer(self.clips)
        per_video = self.clips_per_video if training else None
        return ClipDataset(videos, shape, seed=self.seed, training=training, clips_per_video=per_video, **augmentation)

    def _loader(self, dataset: ClipDataset, samples: Iterable[SampleKey]) -> DataLoader:
        return DataLoader(
            dataset,
            batch_size=self.batch_size,
            sampler=samples,
            num_workers=self.workers,
            pin_memory=bool(self.trainer) and self.trainer.strategy.root_device.type == "cuda",
            persistent_workers=self.workers > 0,
        )
