"""The samples of a data set for training and for validation, whether they are read from videos or from latents."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import numpy as np

from pvdm.data.data_options import SampleOptions
from pvdm.data.dataset import ClipDataset
from pvdm.data.description import DataCard
from pvdm.errors import InputError
from pvdm.video import ClipShape

MEASURED = 128
"""Most samples whose scores are measured."""
QUANTILES = (0.05, 0.95)


class ClipCollection(ABC):
    """Samples for training and for validation; base of the collections of videos and of cached latents.

    After `setup` there are `training` and `validation`, the samples, and `classes`, the names of their labels in
    order, None if they have none.
    """

    def __init__(self, path: Path, samples: SampleOptions, card: DataCard) -> None:
        self.path, self.samples, self.card = path, samples, card
        self.classes: tuple[str, ...] | None = None
        self.training: ClipDataset | None = None
        self.validation: ClipDataset | None = None

    @abstractmethod
    def setup(self, *, log: bool = True) -> None:
        """Makes the samples, once; `InputError` for what a user can fix.

        log: Log what the user should know about the data; of several processes, one does.
        """

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """What a model that is trained on these data keeps of them: JSON-able; after `setup`."""

    @property
    def clip(self) -> ClipShape:
        """Size and pace of a clip."""
        return self.samples.clip

    @property
    def clip_fps(self) -> float | None:
        """Frames per second of the training clips, the median; None where no file records it."""
        rates = [self.clip.output_fps(video.info) for video in self.training.videos if video.info.fps]
        return float(np.median(rates)) if rates else None

    @property
    def measured_training(self) -> ClipDataset:
        """The training samples as validation reads its own, to be measured beside them; after `setup`."""
        return self.training.fixed()

    @property
    def score_ranges(self) -> dict[str, tuple[float, float]]:
        """The 5 % and the 95 % quantile of each score, of some 100 training samples; without those that none has."""
        samples = self.training.fixed()
        scores = [samples[index]["scores"] for index in samples.evenly_spread(MEASURED).tolist()]
        values = {name: np.array([float(each[name]) for each in scores]) for name in samples.scores.names}
        known = {name: each[~np.isnan(each)] for name, each in values.items()}
        return {
            name: tuple(float(f"{value:.4g}") for value in np.quantile(each, QUANTILES))
            for name, each in known.items()
            if each.size
        }

    @property
    def validated(self) -> np.ndarray:
        """Indices of the samples that a validation takes, the same for any number of processes; after `setup`."""
        count = self.samples.validation_clips
        return self.validation.evenly_spread(len(self.validation) if count is None else count)

    def check_sizes(self, *, frames: int, height: int, width: int, clips: int) -> None:
        """InputError unless samples are `clips` clips of these sizes."""
        actual = (self.samples.clips, self.clip.frames, self.clip.height, self.clip.width)
        if actual != (clips, frames, height, width):
            raise InputError(
                f"the data gives {actual[0]} clip(s) of {actual[1]} frames of {actual[2]}x{actual[3]}, the model "
                f"takes {clips} of {frames} frames of {height}x{width}",
                "set data.clips, frames, height and width to that",
            )
