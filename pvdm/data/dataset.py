"""Clips of videos, each a function of (seed, epoch, index), never of a global generator or the worker."""

import logging
import operator
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import Dataset

from pvdm.data.sampler import SampleKey
from pvdm.errors import InputError
from pvdm.video import ClipShape, VideoInfo, probe, read_clip

NAMED = 3  # how many paths a message about many of them shows

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Video:
    """A video file or a folder of frames, and what `probe` says of it."""

    path: Path
    info: VideoInfo


def index_videos(paths: Sequence[str | Path], *, workers: int = 8) -> list[Video]:
    """Probes all videos by `workers` threads, in the order given.

    `InputError` that counts and names the unreadable ones, after all have been tried.
    """
    with ThreadPoolExecutor(workers) as pool:
        results = list(pool.map(_probe, paths))
    failures = [result for result in results if isinstance(result, InputError)]
    if failures:
        reasons = " ".join(str(failure) for failure in failures[:NAMED])
        raise InputError(f"{len(failures)} of {len(results)} videos are unreadable: {reasons}")
    return results


class ClipDataset(Dataset):
    """Map-style dataset of `clips_per_video` clips of each video, or as many as fit end to end.

    Training: clip k begins at a random frame of its video, with a random crop and flip where asked.
    Validation: the clips of a video are evenly spaced from its first frame to its last (a single one lies
    in the middle), centre crop, no flip. Videos shorter than a clip are left out with one warning;
    `InputError` if none is left.
    """

    def __init__(
        self,
        videos: Sequence[Video],
        shape: ClipShape,
        *,
        seed: int = 0,
        training: bool,
        horizontal_flip: bool = False,
        random_crop: bool = False,
        clips_per_video: int | None = None,
    ) -> None:
        if seed < 0:
            raise InputError(f"The seed is {seed}; give a number of 0 or more.")
        if clips_per_video is not None and clips_per_video < 1:
            raise InputError(f"clips_per_video is {clips_per_video}; give 1 or more, or leave it out.")
        self.shape = shape
        self.seed = seed
        self.training = training
        self.horizontal_flip = horizontal_flip
        self.random_crop = random_crop
        self.videos = _long_enough(videos, shape)
        self._spans = [shape.span(video.info) for video in self.videos]
        self._counts = [
            clips_per_video or video.info.frames // span for video, span in zip(self.videos, self._spans, strict=True)
        ]
        self._ends = np.cumsum(self._counts)

    def __len__(self) -> int:
        return int(self._ends[-1])

    def __getitem__(self, key: int | SampleKey) -> dict:
        """dict(video: (3, t, h, w) uint8, path: str, start: int, fps: float, key: (3,) int64).

        key: an index (of epoch 0) or a `SampleKey`; that of the result is (seed, epoch, index), from which
        all further randomness of the sample follows. `fps` is that of the clip, NaN if its video records
        none. `IndexError` outside the dataset, `InputError` naming the file if it cannot be decoded.
        """
        epoch, index = key if isinstance(key, tuple) else (0, operator.index(key))
        if not 0 <= index < len(self):
            raise IndexError(f"index {index} is outside a dataset of {len(self)} clips")
        number = int(np.searchsorted(self._ends, index, side="right"))
        video = self.videos[number]
        start, crop, flip = self._placement(number, epoch, index)
        clip = read_clip(video.path, self.shape, start, info=video.info, crop=crop, flip=flip)
        fps = self.shape.output_fps(video.info)
        return {
            "video": clip,
            "path": str(video.path),
            "start": start,
            "fps": float("nan") if fps is None else float(fps),
            "key": torch.tensor([self.seed, epoch, index]),
        }

    def _placement(self, number: int, epoch: int, index: int) -> tuple[int, tuple[float, float], bool]:
        """(start, crop, flip) of a clip of video `number`."""
        room = self.videos[number].info.frames - self._spans[number]
        count = self._counts[number]
        k = index - (int(self._ends[number]) - count)
        if not self.training:
            return (room // 2 if count == 1 else round(k * room / (count - 1))), (0.5, 0.5), False
        generator = np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(epoch, index)))
        # All are drawn whatever is switched on, so that one option does not change the others' draws.
        start, crop, flip = generator.integers(room + 1), generator.random(2), generator.random() < 0.5
        position = (float(crop[0]), float(crop[1])) if self.random_crop else (0.5, 0.5)
        return int(start), position, bool(flip) and self.horizontal_flip


def _probe(path: str | Path) -> Video | InputError:
    try:
        return Video(Path(path), probe(path))
    except InputError as error:
        return error


def _long_enough(videos: Sequence[Video], shape: ClipShape) -> list[Video]:
    """The videos that a clip fits into; `InputError` if there are none."""
    if not videos:
        raise InputError("There are no videos for this dataset; check its folder and its split.")
    short = [video for video in videos if video.info.frames < shape.span(video.info)]
    if len(short) == len(videos):
        longest = max(videos, key=lambda video: video.info.frames)
        raise InputError(
            f"The longest of {len(videos)} videos has {longest.info.frames} frames ({longest.path}), but a "
            f"clip of {shape.frames} frames spans {shape.span(longest.info)}; choose fewer frames, a smaller "
            "stride or a higher fps."
        )
    if short:
        names = ", ".join(str(video.path) for video in short[:NAMED]) + (", ..." if len(short) > NAMED else "")
        logger.warning("%d of %d videos are shorter than a clip: %s", len(short), len(videos), names)
    left_out = {id(video) for video in short}
    return [video for video in videos if id(video) not in left_out]
