"""The options of a data set: flat, as `data.*` of every command, and in the groups that the code behind them takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pvdm.config_parser import ConfigParser
from pvdm.data.dataset import Augmentation
from pvdm.data.description import DataCard
from pvdm.data.layouts.layout_registry import GivenLayout
from pvdm.data.layouts.splits import Part, SplitFolders, SplitOptions
from pvdm.errors import check_range
from pvdm.video import ClipShape, ColorJitter, Reader


@dataclass(frozen=True)
class SampleOptions:
    """What a sample is, and which samples an epoch and a validation take.

    Args:
        clip: Size and pace of a clip.
        clips: Consecutive clips in one sample; of several, the last is the target and the others are its context.
        clips_per_video: Samples of a video in an epoch of training; as many as fit end to end if not given.
        validation_clips: Samples of a validation; None for all.
        balanced: Take as many samples of every class in training.
        augmentation: Random changes of training samples.
    """

    clip: ClipShape
    clips: int = 1
    clips_per_video: int | None = None
    validation_clips: int | None = 256
    balanced: bool = False
    augmentation: Augmentation = field(default_factory=Augmentation)

    def __post_init__(self) -> None:
        check_range(1, clips=self.clips, clips_per_video=self.clips_per_video, validation_clips=self.validation_clips)


@dataclass(frozen=True)
class LoadingOptions:
    """How samples become batches.

    Args:
        batch_size: Samples per process.
        workers: Processes that read files, for each process of the run; None for the machine's cores, shared out.
        prefetch: Batches that each worker holds ready.
    """

    batch_size: int = 8
    workers: int | None = None
    prefetch: int = 2

    def __post_init__(self) -> None:
        check_range(1, batch_size=self.batch_size, prefetch=self.prefetch)
        check_range(0, workers=self.workers)


@dataclass(frozen=True)
class DataOptions:
    """Every option of a data set, by the names that users give; `samples`, `splits` and `loading` group them.

    Args:
        path: Folder of the data set.
        layout: folder (any videos; sub-folders named `train` and `val`, if there are any, are the splits), classes
            (the same with a folder for each class), ucf101 or skytimelapse (as published); or latents, which
            `pvdm encode` has made of any of these, with their clips, splits and classes, for stage 2. auto recognizes
            the published layouts, and takes all others as folder.
        split: Which of UCF101's three official splits.
        part: What training takes: the training split, the test split, or both. Validation takes the test split in
            any case, so unless this is train its figures are of videos that were trained on.
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
        reader: What decodes video files: auto takes the fastest exact one, which is PyAV; decord (pvdm[decord])
            serves the plain mp4 and webm files that it reads exactly, and does not report damage; others go to PyAV.
        prefetch: Batches that each worker holds ready.
        validation_fraction: Share of the files for validation, where the layout does not say which.
        training_folders: Folders below path that are for training, where names such as train and val do not tell;
            `.` is all that are not for validation.
        validation_folders: The same for validation; all other folders are then for training, unless
            training_folders is given.
        validation_clips: Samples of a validation during training, the same each time: this many, spread evenly over
            classes, videos and time, or all. Testing takes all.
        max_bad_share: Share of the videos that may be unreadable or too short, and are left out; more is an error.
        clips_per_video: Samples of a video in each epoch of training; as many as fit end to end if not given.
        random_crop: Crop at a random place in training, else in the center.
        horizontal_flip: Mirror half of the training samples.
        color_jitter: Random changes of color in training, one draw for all frames of a sample.
        card: What you say of the data; it is stored with the model.
        seed: Of order and augmentation; the run's own.
    """

    path: Path
    layout: Literal[GivenLayout, "latents"] = "auto"
    split: int = 1
    part: Part = "train"
    balanced: bool = False
    frames: int = 16
    height: int = 256
    width: int = 256
    stride: int = 1
    fps: float | None = None
    clips: int = 1
    batch_size: int = 8
    workers: int | None = None
    reader: Reader = "auto"
    prefetch: int = 2
    validation_fraction: float = 0.1
    training_folders: list[str] | None = None
    validation_folders: list[str] | None = None
    validation_clips: int | Literal["all"] = 256
    max_bad_share: float = 0.05
    clips_per_video: int | None = None
    random_crop: bool = False
    horizontal_flip: bool = False
    color_jitter: ColorJitter = field(default_factory=ColorJitter)
    card: DataCard = field(default_factory=DataCard)
    seed: int = 0

    def __post_init__(self) -> None:
        check_range(0, 1, max_bad_share=self.max_bad_share)
        _ = self.samples, self.splits, self.loading  # which check their values

    @property
    def samples(self) -> SampleOptions:
        """What a sample is, and which of them are taken."""
        return SampleOptions(
            ClipShape(self.frames, self.height, self.width, self.stride, self.fps),
            self.clips,
            self.clips_per_video,
            None if self.validation_clips == "all" else self.validation_clips,
            self.balanced,
            Augmentation(self.random_crop, self.horizontal_flip, self.color_jitter),
        )

    @property
    def splits(self) -> SplitOptions:
        """Which videos are for what."""
        return SplitOptions(self.split, self.validation_fraction, self._folders, self.seed)

    @property
    def loading(self) -> LoadingOptions:
        """How samples become batches."""
        return LoadingOptions(self.batch_size, self.workers, self.prefetch)

    @property
    def _folders(self) -> SplitFolders | None:
        """None if the names of folders tell."""
        if self.training_folders is None and self.validation_folders is None:
            return None
        training = ["."] if self.training_folders is None else self.training_folders
        return SplitFolders(tuple(training), tuple(self.validation_folders or ()))


def parse_options(values: Mapping[str, Any]) -> DataOptions:
    """The options of the key `data` in configs; InputError for a value or a key that `pvdm fit` would refuse."""
    parser = ConfigParser(prog="pvdm fit")
    parser.add_class_arguments(DataOptions, "data")
    return parser.instantiate(parser.parse_object({"data": dict(values)})).data
