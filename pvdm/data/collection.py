"""A data set as its options describe it: its videos, found and sorted into parts, and clips of them."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import numpy as np

from pvdm.data.checks import check_share, long_enough, remark, warn_of_validation
from pvdm.data.dataset import Augmentation, ClipDataset
from pvdm.data.description import DataCard, fingerprint
from pvdm.data.index import Index, Video, index_videos
from pvdm.data.index_cache import IndexCache
from pvdm.data.latents.encoding_plan import are_latents
from pvdm.data.layouts.detection import GivenLayout, find_parts
from pvdm.data.layouts.folder import SplitFolders
from pvdm.data.layouts.splits import Part, Splits
from pvdm.errors import InputError, check_range
from pvdm.video import ClipShape, ColorJitter, Reader
from pvdm.video.decoding import decord as decord_reading


class VideoCollection:
    """Videos or folders of frames below `path`, in a part for training and one for validation.

    Args:
        path: Folder of the data set.
        layout: folder (any videos; its sub-folders `train` and `val`, if there are such, are the parts), classes
            (the same with a folder for each class), ucf101 or skytimelapse (as published); or latents, which
            `pvdm encode` has made of any of these, with their clips, parts and classes, for stage 2. auto recognises
            the published ones, and takes the others as folder.
        split: Which of UCF101's three.
        part: What training takes: the training part, the test part, or both; validation takes the test part in
            any case, so its figures are of videos that were trained on unless this is train.
        balanced: Take as many samples of every class in training (layouts classes and ucf101).
        frames: Frames of a clip.
        height: Pixels; frames are scaled to cover height and width, and cropped.
        width: Pixels.
        stride: Frame stride: 4 takes every fourth frame of the file.
        fps: Frames per second instead of a stride, by the file's timestamps.
        clips: Consecutive clips in one sample: 1 for stage 1; 2, context and target, for stage 2. Videos too short
            for a context give targets without one.
        batch_size: Samples per process.
        workers: Processes that read files, each on one core, for each process of the run; 0 reads in the training
            process. If not given, the cores of the machine are shared out, 8 at most.
        reader: What decodes video files: auto takes what is fastest and exact, which is PyAV; decord (pvdm[decord])
            serves the plain mp4 and webm files that it reads exactly, and does not tell damage; others go to PyAV.
        prefetch: Batches that each of them holds ready.
        validation_fraction: Share of the files for validation, where the layout does not say which.
        training_folders: Folders below path that are for training, `.` being all that are not for validation, where
            names such as train and val do not tell.
        validation_folders: The same for validation; all but these folders is then for training, if nothing else is
            said.
        validation_clips: Samples of a validation during training, the same each time: so many, spread evenly over
            classes, videos and time, or all. Testing takes all.
        max_bad_share: Share of the videos that may be unreadable or too short, and are left out; more is an error.
        clips_per_video: Samples of a video in each epoch of training; as many as fit end to end if not given.
        random_crop: Crop at a random place in training, else in the centre.
        horizontal_flip: Mirror half of the training samples.
        color_jitter: Random changes of colour in training, one draw for all frames of a sample.
        card: What you say of the data; it is stored with the model.
        seed: Of order and augmentation; the run's own.
    """

    def __init__(
        self,
        path: Path,
        *,
        layout: Literal[GivenLayout, "latents"] = "auto",
        split: int = 1,
        part: Part = "train",
        balanced: bool = False,
        frames: int = 16,
        height: int = 256,
        width: int = 256,
        stride: int = 1,
        fps: float | None = None,
        clips: int = 1,
        batch_size: int = 8,
        workers: int | None = None,
        reader: Reader = "auto",
        prefetch: int = 2,
        validation_fraction: float = 0.1,
        training_folders: list[str] | None = None,
        validation_folders: list[str] | None = None,
        validation_clips: int | Literal["all"] = 256,
        max_bad_share: float = 0.05,
        clips_per_video: int | None = None,
        random_crop: bool = False,
        horizontal_flip: bool = False,
        color_jitter: ColorJitter = ColorJitter(),
        card: DataCard = DataCard(),
        seed: int = 0,
    ) -> None:
        super().__init__()
        check_range(1, clips=clips, batch_size=batch_size, clips_per_video=clips_per_video, prefetch=prefetch)
        check_range(0, workers=workers)
        check_range(1, validation_clips=None if validation_clips == "all" else validation_clips)
        check_range(0, 1, max_bad_share=max_bad_share)
        check_range(1, 3, split=split)
        if reader == "decord":
            decord_reading.check_installed()
        if balanced and layout in ("folder", "skytimelapse"):
            raise InputError(f"layout {layout} has no classes to balance", "set data.layout classes or balanced false")
        self.path, self.given_layout, self.split, self.part = path, layout, split, part
        self.folders = _folders(training_folders, validation_folders)
        self.clips, self.clip = clips, ClipShape(frames, height, width, stride, fps)
        self.batch_size, self.balanced, self.workers, self.prefetch = batch_size, balanced, workers, prefetch
        self.reader = reader
        self.validation_fraction, self.max_bad_share = validation_fraction, max_bad_share
        self.validation_clips = validation_clips
        self.clips_per_video, self.seed, self.card = clips_per_video, seed, card
        self.augmentation = Augmentation(random_crop, horizontal_flip, color_jitter)
        self.classes: tuple[str, ...] | None = None
        self.training: ClipDataset | None = None
        self.validation: ClipDataset | None = None
        self._found: tuple[Splits, Index] | InputError | None = None

    def setup(self, stage: str = "fit") -> None:
        """Finds the files and reads their lengths, once; `InputError` for what a user can mend."""
        if self.training is not None:
            return
        parts, index = self.find()
        if self.balanced and parts.classes is None:
            raise InputError("the data have no classes to balance", "set data.layout classes or data.balanced false")
        index = long_enough(index, self.clip)
        training, validation = index.of(parts.training), index.of(parts.validation).videos
        check_share(len(parts.entries), index.bad, self.max_bad_share)
        check_share(len(parts.training), training.bad, 1)
        if self._leads:
            remark(self.path, parts, index, clip=self.clip, reader=self.reader)
            warn_of_validation(bool(validation), self.part)
        self.classes = parts.classes
        self.training = self._dataset(training.videos, training=True)
        self.validation = self._dataset(validation or training.videos, training=False)

    def find(self) -> tuple[Splits, Index]:
        """The videos, and what is known of each, whether it is long enough or not; looked for once.

        `InputError` if the folder is missing, empty or of another layout.
        """
        if self.given_layout == "latents":
            raise InputError(f"{self.path} is to hold latents (data.layout), not videos", "give the videos' own layout")
        if self._found is None:
            self._found = self._looked()
        if isinstance(self._found, InputError):
            raise self._found
        return self._found

    @property
    def layout(self) -> str:
        """As which the data are read; where that is to be recognised, after `find`."""
        return self._found[0].layout if isinstance(self._found, tuple) else self.given_layout

    @property
    def clip_fps(self) -> float | None:
        """Frames per second of the training clips, the median; None where no file records it."""
        rates = [self.clip.output_fps(video.info) for video in self.training.videos if video.info.fps]
        return float(np.median(rates)) if rates else None

    def describe(self) -> dict[str, Any]:
        """What a model that is trained on these data tells of them: JSON-able; after `setup`."""
        parts, index = self.find()
        good = long_enough(index, self.clip)
        return {
            "layout": self.layout,
            "split": self.split if self.layout == "ucf101" else None,
            "part": self.part,
            "card": asdict(self.card),
            "videos": {
                "training": len(self.training.videos),
                "validation": len(good.of(parts.validation).videos),
                "left_out": len(good.bad),
                "absent": len(parts.absent),
            },
            "classes": None if self.classes is None else len(self.classes),
            "files": fingerprint(entry.path for entry in parts.entries),
            "samples": len(self.training),
            "clip": {**asdict(self.clip), "clips": self.clips},
        }

    def check_sizes(self, *, frames: int, height: int, width: int, clips: int) -> None:
        """InputError unless samples are `clips` clips of these sizes."""
        found = (self.clips, self.clip.frames, self.clip.height, self.clip.width)
        if found != (clips, frames, height, width):
            raise InputError(
                f"the data gives {found[0]} clip(s) of {found[1]} frames of {found[2]}x{found[3]}, the model "
                f"takes {clips} of {frames} frames of {height}x{width}",
                "set data.clips, frames, height and width to that",
            )

    @property
    def validated(self) -> np.ndarray:
        """Indices of the samples that a validation takes, the same for any number of processes; after `setup`."""
        count = len(self.validation) if self.validation_clips == "all" else self.validation_clips
        return self.validation.spread(count)

    @property
    def _leads(self) -> bool:
        """Whether this is the process that speaks for all."""
        return True

    def _looked(self) -> tuple[Splits, Index] | InputError:
        """What `_look` finds, or the error that it raises."""
        try:
            return self._look()
        except InputError as error:
            return error

    def _look(self) -> tuple[Splits, Index]:
        """Finds the files, and reads those that the cache does not know."""
        if are_latents(self.path):
            raise InputError(
                f"{self.path} holds latents that pvdm encode has made",
                "train from them with --data.layout latents (-c configs/data/latents.yaml), or give the folder "
                "of the videos",
            )
        parts = find_parts(
            self.path,
            self.given_layout,
            split=self.split,
            validation_fraction=self.validation_fraction,
            seed=self.seed,
            folders=self.folders,
        ).train_on(self.part)
        cache = IndexCache.of(self.path)
        index = index_videos(parts.entries, cache=cache, progress=True)
        cache.save()
        return parts, index

    def _dataset(self, videos: list[Video], *, training: bool) -> ClipDataset:
        return ClipDataset(
            videos,
            self.clip,
            clips=self.clips,
            seed=self.seed,
            training=training,
            augmentation=self.augmentation,
            clips_per_video=self.clips_per_video if training else None,
            reader=self.reader,
        )


def _folders(training: list[str] | None, validation: list[str] | None) -> SplitFolders | None:
    """None where the names of folders tell."""
    if training is None and validation is None:
        return None
    return SplitFolders(tuple(["."] if training is None else training), tuple(validation or ()))
