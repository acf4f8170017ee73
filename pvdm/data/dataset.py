"""Clips of videos, each a function of (seed, epoch, index), never of a global generator or the worker."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pvdm.data.checks import first_causes, long_enough
from pvdm.data.index import Index, Video
from pvdm.data.sampler import SampleKey
from pvdm.data.scenes.scene_videos import is_scene, read_clip, scene_caption, scene_words
from pvdm.data.table import NO_LABEL, VideoTable
from pvdm.data.tracks.frame_tracks import FrameTracks
from pvdm.data.tracks.sample_scores import SampleScores, motion_of
from pvdm.data.validation_samples import spread_evenly
from pvdm.errors import InputError
from pvdm.video import ClipShape, ColorJitter, Reader, change_colors

if TYPE_CHECKING:
    from torch import Tensor


CAPTION = 1
"""Purpose of the random stream that draws a caption; part of its key."""


@dataclass(frozen=True)
class Augmentation:
    """Random changes of training clips, the same for all frames of a clip."""

    random_crop: bool = False
    horizontal_flip: bool = False
    color_jitter: ColorJitter = field(default_factory=ColorJitter)


@dataclass(frozen=True)
class Placement:
    """Where a clip starts in its video, what is cropped out of it, how it is changed, and in which epoch."""

    start: int
    crop: tuple[float, float] = (0.5, 0.5)
    flip: bool = False
    colors: dict[str, float] = field(default_factory=dict)
    epoch: int = 0


class ClipDataset:
    """Map-style dataset of `clips_per_video` samples of each video, or as many as fit end to end.

    A sample is `clips` consecutive clips: the last is the target, those before it are its context. If a video is too
    short for the context, the target alone is read, and frames of zeros precede it.

    Training: sample k starts at a random frame of its video and is augmented. Validation: the samples of a video are
    evenly spaced from its first frame to its last (a single one lies in the middle), cropped in the center and not
    augmented. `InputError` if a video is shorter than one clip.

    With `captioned`, samples have a caption: one of their video's, drawn in training and the first in validation, or
    what is seen in the target of a scene. `tracks` says what
    they have of each frame of the target, and `scores` which scores of it.
    """

    def __init__(
        self,
        videos: Sequence[Video],
        clip: ClipShape,
        *,
        clips: int = 1,
        seed: int = 0,
        training: bool,
        augmentation: Augmentation = Augmentation(),
        clips_per_video: int | None = None,
        reader: Reader = "auto",
        captioned: bool = False,
        tracks: FrameTracks = FrameTracks(),
        scores: SampleScores = SampleScores(),
    ) -> None:
        if seed < 0:
            raise InputError(f"the seed is {seed}", "give a number of 0 or more")
        if clips_per_video is not None and clips_per_video < 1:
            raise InputError(f"clips_per_video is {clips_per_video}", "give 1 or more, or leave it out")
        _check_videos(videos, clip)
        self.clip, self.sample = clip, clip.longer(clips)
        self.seed, self.training, self.augmentation, self.reader = seed, training, augmentation, reader
        self.captioned, self.tracks, self.scores = captioned, tracks, scores
        self.videos = VideoTable(videos)
        self.has_series = any(values and not values.is_8_bit for values in (video.info.values for video in videos))
        """Whether all clips are float32, so that image series and other videos fit into one batch."""
        self._counts = np.array([clips_per_video or self._room(video)[1] for video in videos])
        self._ends = np.cumsum(self._counts)

    def __len__(self) -> int:
        return int(self._ends[-1])

    def __getitem__(self, key: int | SampleKey) -> dict:
        """dict(video: (3, t, h, w) uint8, or float32 with `has_series`, path: str, start: int, fps: float, key: (3,)
        int64, has_context: bool, label: int), caption: str, if captioned, and what `FrameTracks.of` and
        `SampleScores.of` give.

        key: an index (of epoch 0) or a `SampleKey`. The key of the result is (seed, epoch, index), which determines
        all further randomness of the sample. `start` is the first frame that was read, `fps` the rate of the clip, NaN
        if its video records none. Without `has_context` all frames before the target are zeros. `label` is the index of
        the class, `NO_LABEL` if the video has none; `caption` is "" for none, and `motion` NaN. `IndexError` outside
        the dataset, `InputError` that names the file if it cannot be decoded.
        """
        import torch

        epoch, index = key if isinstance(key, tuple) else (0, operator.index(key))
        if not 0 <= index < len(self):
            raise IndexError(f"index {index} is outside a dataset of {len(self)} clips")
        number = int(np.searchsorted(self._ends, index, side="right"))
        video = self.videos[number]
        placement = self._placement(number, epoch, index)
        fps = self.clip.output_fps(video.info, placement.start)
        content = self._content(number, placement)
        return {
            **content,
            "path": str(self._path(number, epoch)),
            "start": video.info.first_frame + placement.start,
            "fps": float("nan") if fps is None else float(fps),
            "key": torch.tensor([self.seed, epoch, index]),
            "has_context": self.has_context(video),
            "label": NO_LABEL if video.label is None else video.label,
            **({"caption": self._caption(number, placement, index)} if self.captioned else {}),
            **self._vectors(number, placement),
            **self.scores.of(video, fps, lambda: self._motion(number, placement, content)),
        }

    def fixed(self) -> ClipDataset:
        """The same videos, read as validation reads them: evenly spaced in time and not augmented."""
        fixed = copy(self)
        fixed.training = False
        return fixed

    @property
    def labels(self) -> np.ndarray | None:
        """Class of each sample, (n,) int64, `NO_LABEL` where its video has none; None if no video has one."""
        labels = self.videos.labels
        return np.repeat(labels, self._counts) if (labels != NO_LABEL).any() else None

    def captions(self) -> Iterator[str]:
        """The captions of all videos, or of scenes a text of every word that these may have; none if not captioned."""
        if not self.captioned:
            return
        for number, video in enumerate(self.videos):
            if is_scene(self._path(number, 0)):
                yield scene_words()
                return
            yield from video.captions

    def evenly_spread(self, count: int) -> np.ndarray:
        """Indices of `count` samples, or of all if there are no more, ascending, spread over classes, videos and time.

        See `spread_evenly`. Videos without a label count as one more class.
        """
        return spread_evenly(self._counts, count, self.videos.labels)

    def has_context(self, video: Video) -> bool:
        """Whether the video is long enough for all the clips of a sample."""
        return self.sample.last_start(video.info) >= 0

    def _target(self, video: Video, placement: Placement) -> np.ndarray:
        """The frames of the target in the video."""
        shape = self.sample if self.has_context(video) else self.clip
        return shape.source_indices(placement.start, video.info)[-self.clip.frames :]

    def _caption(self, number: int, placement: Placement, index: int) -> str:
        """The caption of a sample; "" for none."""
        video, path = self.videos[number], self._path(number, placement.epoch)
        if is_scene(path):
            return scene_caption(path, self.clip, self._target(video, placement))
        if not video.captions:
            return ""
        if not self.training:
            return video.captions[0]
        chosen = np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(placement.epoch, index, CAPTION)))
        return str(chosen.choice(video.captions))

    def _vectors(self, number: int, placement: Placement) -> dict[str, Any]:
        """What the sample has of each frame of its target, see `FrameTracks.of`."""
        video, path = self.videos[number], self._path(number, placement.epoch)
        return self.tracks.of(path, video.info, self._target(video, placement), mirrored=placement.flip)

    def _motion(self, number: int, placement: Placement, content: Mapping[str, Any]) -> float:
        """The motion of the target."""
        return float(motion_of(content["video"][:, -self.clip.frames :]))

    def _path(self, number: int, epoch: int) -> Path:
        """The path of a video in an epoch."""
        return self.videos[number].path

    def _content(self, number: int, placement: Placement) -> dict[str, Tensor]:
        """video: (3, t, h, w) uint8, the frames of an absent context being zeros."""
        import torch

        video = self.videos[number]
        shape = self.sample if self.has_context(video) else self.clip
        how = {"crop": placement.crop, "flip": placement.flip, "reader": self.reader}
        clip = read_clip(self._path(number, placement.epoch), shape, placement.start, info=video.info, **how)
        clip = change_colors(clip.float() if self.has_series else clip, placement.colors)
        absent = self.sample.frames - shape.frames
        return {"video": torch.cat([clip.new_zeros(3, absent, *clip.shape[2:]), clip], dim=1) if absent else clip}

    def _placement(self, number: int, epoch: int, index: int) -> Placement:
        """The placement of a sample of video `number`."""
        room, _ = self._room(self.videos[number])
        count = int(self._counts[number])
        k = index - (int(self._ends[number]) - count)
        if not self.training:
            return Placement(room // 2 if count == 1 else round(k * room / (count - 1)))
        generator = np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(epoch, index)))
        # Always draw all of them, so that switching one option on does not change the others' draws.
        start, crop, flip = generator.integers(room + 1), generator.random(2), generator.random() < 0.5
        colors = self.augmentation.color_jitter.draw(generator)
        position = (float(crop[0]), float(crop[1])) if self.augmentation.random_crop else (0.5, 0.5)
        return Placement(int(start), position, bool(flip) and self.augmentation.horizontal_flip, colors, epoch)

    def _room(self, video: Video) -> tuple[int, int]:
        """(latest start, how many fit end to end) of the clips that are read together."""
        shape = self.sample if self.has_context(video) else self.clip
        return shape.last_start(video.info), shape.fit_end_to_end(video.info)


def _check_videos(videos: Sequence[Video], clip: ClipShape) -> None:
    """InputError if there are none, or a clip does not fit into one."""
    if not videos:
        raise InputError("there are no videos for this data set", "check its folder and data.part")
    short = long_enough(Index(list(videos), []), clip).bad
    if short:
        raise InputError(first_causes(short), "leave such videos out, or choose fewer frames or a smaller stride")
