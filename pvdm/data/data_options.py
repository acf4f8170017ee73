"""The options of a data set: flat, as `data.*` in every command, and grouped for the code that uses them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from pvdm.config_parser import ConfigParser
from pvdm.data.dataset import Augmentation
from pvdm.data.description import DataCard
from pvdm.data.layouts.layout_registry import GivenLayout
from pvdm.data.layouts.splits import Part, SceneOptions, SplitFolders, SplitOptions
from pvdm.data.scenes.scene_videos import scene_frames
from pvdm.data.tracks.frame_tracks import FrameTracks
from pvdm.data.tracks.sample_scores import SampleScores
from pvdm.data.tracks.sound_features import encoder_name
from pvdm.errors import InputError, check_range
from pvdm.video import ClipShape, ColorJitter, Reader
from pvdm.video.series.stored_values import StoredValues


@dataclass(frozen=True)
class SampleOptions:
    """The content of a sample, and the samples of an epoch and of a validation.

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
class MixedSet:
    """One of the data sets of a mix. What is not given here is as in data.*.

    Args:
        path: Folder of the data set; the layout scenes needs none.
        layout: See data.layout.
        weight: Share of the training samples, in the unit of the other sets' weights.
        scenes, split, part, stride, fps, loop, validation_fraction, training_folders, validation_folders: See data.*.
        max_bad_share, clips_per_video, random_crop, horizontal_flip, captions, cameras, sound, scores: See data.*.
    """

    path: Path | None = None
    layout: GivenLayout = "auto"
    weight: float = 1.0
    scenes: SceneOptions | None = None
    split: int | None = None
    part: Part | None = None
    stride: int | None = None
    fps: float | None = None
    loop: bool | None = None
    validation_fraction: float | None = None
    training_folders: list[str] | None = None
    validation_folders: list[str] | None = None
    max_bad_share: float | None = None
    clips_per_video: int | None = None
    random_crop: bool | None = None
    horizontal_flip: bool | None = None
    captions: bool | None = None
    cameras: bool | None = None
    sound: bool | str | None = None
    scores: list[str] | None = None

    def __post_init__(self) -> None:
        if not 0 < self.weight < math.inf:
            raise InputError(f"a data set of data.mix has weight {self.weight}", "give a number above 0")


@dataclass(frozen=True)
class DataOptions:
    """Every option of a data set, by the names that users give; `samples`, `splits` and `loading` group them.

    Args:
        path: Folder of the data set, or a selection of pvdm select; the layout scenes needs none.
        layout: folder (any videos; sub-folders named `train` and `val`, if there are any, are the splits), classes (the
            same with a folder per class; videos beside these folders, or in one named unlabeled, are used without a
            label), ucf101 or skytimelapse (as published), scenes (rendered, without files), pictures (each picture file
            is a video that stands still), catalogue (the clips that `pvdm select` chose, or those of `pvdm curate` that
            the default selection leaves; each is a span of a file), or latents (the output of `pvdm encode` for any of
            these, for stage 2). auto recognizes the published layouts and catalogues, and treats everything else as
            folder.
        scenes: The scenes of the layout scenes.
        mix: Several data sets instead of one, each with path, layout, weight and options of its own; training takes
            them in proportion to their weights.
        split: Official split of UCF101: 1, 2 or 3.
        part: Part used for training: train, test or both. Validation always uses the test split, so with test or both
            it uses videos that were trained on.
        balanced: Sample all classes equally often in training (layouts classes and ucf101); videos without a label
            count as one more class.
        frames: Frames of a clip.
        height: Height in pixels; frames are scaled to cover height and width, then cropped.
        width: Width in pixels.
        stride: Frame stride: 4 takes every fourth frame of the file.
        fps: Frame rate of a clip, instead of a stride; uses the file's timestamps.
        loop: The videos are cycles, such as a step of a walk: clips wrap round from the last frame to the first, so
            they start anywhere and have any length.
        clips: Consecutive clips in one sample: 1 for stage 1; 2 (context and target) for stage 2. Videos too short for
            a context give targets without one.
        batch_size: Samples per process.
        workers: Processes that read files, each on one core, for each process of the run; 0 reads in the training
            process. By default the machine's cores are shared out, at most 8 workers per process.
        reader: Decoder of video files. auto uses PyAV, the fastest exact one. decord (pvdm[decord]) reads the plain mp4
            and webm files that it can read exactly, and does not report damage; PyAV reads all others.
        prefetch: Batches that each worker keeps ready.
        validation_fraction: Share of the files for validation, if the layout does not define splits.
        training_folders: Folders below path for training, if names such as train and val do not identify them; `.`
            stands for all that are not for validation.
        validation_folders: Folders below path for validation; all others are for training, unless training_folders is
            given.
        validation_clips: Number of samples in a validation during training, the same each time and spread evenly over
            classes, videos and time, or all. Testing uses all.
        max_bad_share: Largest allowed share of videos that are unreadable or too short; they are left out.
        clips_per_video: Samples of a video per training epoch; by default as many as fit end to end.
        random_crop: Crop at a random place in training instead of the center.
        horizontal_flip: Mirror half of the training samples.
        color_jitter: Random changes of color in training, one draw for all frames of a sample.
        captions: Give samples their captions, for a model with text: those of captions.csv in path, or of files such as
            clip.txt or clip.json beside the videos. Scenes say what is seen.
        cameras: Give samples the camera of each frame, for a model with cameras: from files such as clip.camera.csv or
            clip.camera.json beside the videos, with an entry for each frame of the file. Scenes know it.
        sound: Give samples what is heard around each frame, for a model with sound: of the videos' own tracks, of files
            such as clip.wav beside them, or of scenes. true is the spectrum (mel); a folder or a name on the Hub is an
            encoder of transformers, such as wav2vec 2.0 (pvdm[text]).
        scores: Give samples these scores, for a model with scores: motion, the mean difference of neighboring frames of
            the target in percent of the range of values; fps, its frames per second; or columns of a catalogue, of
            which motion is called flow.
        value_range: The values of image series (.npy, .npz, .tif) that become black and white, for all files, such as
            [0, 1023] for 10 bits; values outside are clamped. By default the lowest and highest value of all files; for
            uint8 0 and 255. The model keeps the range.
        card: Description of the data, which is stored with the model.
        seed: Seed of order and augmentation; that of the run.
    """

    path: Path | None = None
    layout: Literal[GivenLayout, "latents"] = "auto"
    scenes: SceneOptions = field(default_factory=SceneOptions)
    mix: list[MixedSet] | None = None
    split: int = 1
    part: Part = "train"
    balanced: bool = False
    frames: int = 16
    height: int = 256
    width: int = 256
    stride: int = 1
    fps: float | None = None
    loop: bool = False
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
    captions: bool = False
    cameras: bool = False
    sound: bool | str = False
    scores: list[str] | None = None
    value_range: tuple[float, float] | None = None
    card: DataCard = field(default_factory=DataCard)
    seed: int = 0

    def __post_init__(self) -> None:
        if self.value_range is not None:
            StoredValues().with_range(*self.value_range)  # which checks it
        if self.mix is not None:
            self._check_mix()
        elif self.path is None and self.layout != "scenes":
            raise InputError("data.path must be given", "give the folder of the videos, or --data.layout scenes")
        if self.loop and self.layout == "scenes":
            raise InputError("scenes are no cycles", "leave out data.loop; scenes are as long as samples need")
        check_range(0, 1, max_bad_share=self.max_bad_share)
        _ = self.samples, self.splits, self.loading, self.clip_scores  # which check their values

    @property
    def samples(self) -> SampleOptions:
        """The content of a sample, and which samples are used."""
        return SampleOptions(
            ClipShape(self.frames, self.height, self.width, self.stride, self.fps, self.loop),
            self.clips,
            self.clips_per_video,
            None if self.validation_clips == "all" else self.validation_clips,
            self.balanced,
            Augmentation(self.random_crop, self.horizontal_flip, self.color_jitter),
        )

    @property
    def splits(self) -> SplitOptions:
        """The videos of each split."""
        samples = self.samples
        if self.scenes.turntable:
            frames = self.scenes.frames or scene_frames(samples.clip, least=1)
        else:
            frames = self.scenes.frames or scene_frames(samples.clip.longer(self.clips))
        scenes = replace(self.scenes, frames=frames)
        columns = self.clip_scores.columns
        return SplitOptions(self.split, self.validation_fraction, self._folders, self.seed, scenes, columns)

    @property
    def tracks(self) -> FrameTracks:
        """What samples have of each frame beside its pixels."""
        return FrameTracks(self.cameras, encoder_name(self.sound))

    @property
    def clip_scores(self) -> SampleScores:
        """Which scores samples have."""
        return SampleScores(tuple(self.scores or ()))

    @property
    def loading(self) -> LoadingOptions:
        """How samples become batches."""
        return LoadingOptions(self.batch_size, self.workers, self.prefetch)

    def of_set(self, part: MixedSet) -> DataOptions:
        """The options of one of the data sets of a mix."""
        given = {name: value for name, value in vars(part).items() if value is not None and name != "weight"}
        if part.fps and not part.stride:
            given["stride"] = 1
        if part.stride and not part.fps:
            given["fps"] = None
        return replace(self, **{**given, "mix": None})

    def _check_mix(self) -> None:
        """InputError if the options of a mix contradict each other."""
        if not self.mix:
            raise InputError("data.mix names no data set", "name some, or leave it out")
        if self.path is not None or self.layout != "auto":
            name = "layout" if self.path is None else "path"
            raise InputError(
                f"data.{name} and data.mix are both given", f"name the data set in data.mix, and leave out data.{name}"
            )
        if self.balanced:
            raise InputError("a mix is balanced by weights, not by classes", "leave out data.balanced")
        for part in self.mix:
            self.of_set(part)  # which checks its values

    @property
    def _folders(self) -> SplitFolders | None:
        """None if the folder names define the splits."""
        if self.training_folders is None and self.validation_folders is None:
            return None
        training = ["."] if self.training_folders is None else self.training_folders
        return SplitFolders(tuple(training), tuple(self.validation_folders or ()))


def parse_options(values: Mapping[str, Any]) -> DataOptions:
    """The options of the key `data` in configs; InputError for a value or a key that `pvdm fit` would refuse."""
    parser = ConfigParser(prog="pvdm fit")
    parser.add_class_arguments(DataOptions, "data")
    return parser.instantiate(parser.parse_object({"data": dict(values)})).data
