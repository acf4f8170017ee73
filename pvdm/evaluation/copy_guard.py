"""Which samples are copies of training clips, told one by one and without a held-out part."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
from scipy.spatial.distance import cdist
from torch import Tensor

from pvdm.data import layout_of
from pvdm.errors import InputError
from pvdm.evaluation.clips.every_clip import EveryClip
from pvdm.evaluation.clips.protocol_clips import is_model
from pvdm.evaluation.clips.scaling import Scaling
from pvdm.evaluation.clips.source import ClipSource
from pvdm.evaluation.clips.video_set import VideoSet
from pvdm.evaluation.features.extraction import extract_once
from pvdm.evaluation.features.thumbnails import Thumbnails, mirrored
from pvdm.evaluation.metrics.copies import SAME

BATCH, FEWEST = 8, 9
LIMIT = 1 / 3
"""Ratio that copies at any moment, blurred or mirrored, are below, and new clips are not (docs/responsible.md)."""

NEIGHBORS = 50
"""Videos after the nearest that say how far a sample usually is from one."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Nearest:
    """The training video that a sample is nearest to.

    Args:
        training: Its name.
        distance: Between the thumbnails of the sample and of the nearest clip of the video.
        ratio: That distance over the mean of those to the next videos.
    """

    training: str
    distance: float
    ratio: float


class CopyGuard:
    """Compares samples with the clips of a model's training data.

    Args:
        training: The training clips, as large and as long as the samples; those of one video have one `group`, and
            follow each other.
        limit: A sample is a copy if the ratio of `Nearest` is below this.

    What counts is how much nearer a sample is to one training video than to the next ones, as in Carlini et al.,
    "Extracting training data from diffusion models" (2023), section 4.2: a blurred sample, which is near to all of
    them, is no copy, and crowded data make no copies of what is new. InputError with fewer than 9 videos.
    """

    def __init__(self, training: ClipSource, *, limit: float = LIMIT) -> None:
        self.limit = limit
        self._rows = extract_once(training, Thumbnails(), batch_size=BATCH)
        groups = [training.group(index) for index in range(len(training))]
        self._firsts = [index for index, group in enumerate(groups) if index == 0 or group != groups[index - 1]]
        self._names = [training.name(index) for index in self._firsts]
        if len(self._firsts) < FEWEST:
            raise InputError(
                f"copies are found by {FEWEST} training videos or more, but there are {len(self._firsts)}",
                "give the whole training data",
            )

    @classmethod
    def of(
        cls,
        path: str | Path,
        *,
        frames: int,
        size: tuple[int, int],
        fps: float | None = None,
        limit: float = LIMIT,
    ) -> CopyGuard:
        """The guard of the training part of a data set, at a model's clip length, (height, width) and frame rate."""
        if is_model(path):
            raise InputError(f"{path} is a model", "give the videos that it was trained on")
        videos = VideoSet.find(path, layout=layout_of(path), part="train")
        rates = [video.info.fps for video in videos.videos if video.info.fps]
        stride = max(1, round(median(rates) / fps)) if rates and fps else 1
        clips = EveryClip(videos, frames=frames, stride=stride, scaling=Scaling(size))
        if clips.dropped_short:
            logger.warning("%d videos of %s are too short to be compared with", clips.dropped_short, path)
        return cls(clips, limit=limit)

    def nearest(self, clip: Tensor) -> Nearest:
        """The training video nearest to a sample, (3, t, h, w) uint8."""
        distances = self._to_videos(Thumbnails()(clip[None]).cpu().double().numpy())[0]
        return Nearest(self._names[int(distances.argmin())], float(distances.min()), _ratio(distances))

    def is_copy(self, found: Nearest) -> bool:
        """Whether a sample as near as this counts as a copy."""
        return found.ratio < self.limit

    def _to_videos(self, rows: np.ndarray) -> np.ndarray:
        """(n, 768) -> the distance to the nearest clip, or mirrored clip, of each training video: (n, videos)."""
        distances = np.minimum(cdist(rows, self._rows), cdist(mirrored(rows), self._rows))
        return np.minimum.reduceat(distances, self._firsts, axis=1)


def _ratio(distances: np.ndarray) -> float:
    """The smallest of the distances to different videos, over the mean of up to `NEIGHBORS` that follow."""
    nearest, *others = np.sort(distances)[: NEIGHBORS + 1]
    return float(nearest / max(np.mean(others), SAME))
