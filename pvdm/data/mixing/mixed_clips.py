"""The samples of several data sets, numbered through."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence
from copy import copy
from itertools import chain
from typing import Any

import numpy as np
from torch.utils.data import ConcatDataset

from pvdm.data.dataset import ClipDataset
from pvdm.data.index import Video
from pvdm.data.sampler import SampleKey
from pvdm.data.table import NO_LABEL
from pvdm.data.tracks.frame_tracks import FrameTracks
from pvdm.data.tracks.sample_scores import SampleScores
from pvdm.data.validation_samples import equal_shares


class MixedClips:
    """The samples of data sets one after the other; an `EpochSampler` takes them by weight.

    Args:
        sets: The data sets, with equal seeds.
        labels: For each set the label here of each of its classes.
        weights: The share of each set in training, in any unit.
    """

    def __init__(
        self, sets: Sequence[ClipDataset], labels: Sequence[Sequence[int]], weights: Sequence[float] | None = None
    ) -> None:
        self.sets, self.weights = list(sets), weights
        self.captioned = any(clips.captioned for clips in sets)
        self.tracks = FrameTracks.union(clips.tracks for clips in sets)
        self.scores = SampleScores.union(clips.scores for clips in sets)
        for clips in self.sets:  # one type of pixels, for one batch
            clips.has_series = any(other.has_series for other in sets)
        self._ends = np.cumsum([len(clips) for clips in sets])
        self._labels = [np.array([*known, NO_LABEL]) for known in labels]  # the last is taken by -1, which is NO_LABEL

    def __len__(self) -> int:
        return int(self._ends[-1])

    def __getitem__(self, key: int | SampleKey) -> dict[str, Any]:
        """The sample of its set, with the number of the sample and the label here; see `ClipDataset`."""
        import torch

        epoch, index = key if isinstance(key, tuple) else (0, operator.index(key))
        if not 0 <= index < len(self):
            raise IndexError(f"index {index} is outside a dataset of {len(self)} clips")
        number = int(np.searchsorted(self._ends, index, side="right"))
        clips = self.sets[number]
        sample = clips[SampleKey(epoch, index - int(self._ends[number]) + len(clips))]
        label = int(self._labels[number][sample["label"]])
        whole = {**sample, "key": torch.tensor([clips.seed, epoch, index]), "label": label}
        whole |= self.scores.filled(sample)
        own = {"caption": ""} if self.captioned else {}
        return {**own, **self.tracks.absent(clips.clip.frames), **whole}

    def fixed(self) -> MixedClips:
        """The same sets, read as validation reads them; see `ClipDataset.fixed`."""
        fixed = copy(self)
        fixed.sets = [clips.fixed() for clips in self.sets]
        return fixed

    @property
    def videos(self) -> Sequence[Video]:
        """The videos of all sets."""
        return ConcatDataset([clips.videos for clips in self.sets])

    def captions(self) -> Iterator[str]:
        """All captions of all sets; see `ClipDataset.captions`."""
        return chain.from_iterable(clips.captions() for clips in self.sets)

    @property
    def numbers(self) -> np.ndarray:
        """(n,) int64: the number of the set of each sample."""
        return np.repeat(np.arange(len(self.sets)), [len(clips) for clips in self.sets])

    @property
    def labels(self) -> np.ndarray | None:
        """Class of each sample, (n,) int64, `NO_LABEL` where it has none; None if no sample has one."""
        own = [np.full(len(clips), NO_LABEL) if clips.labels is None else clips.labels for clips in self.sets]
        labels = np.concatenate([known[those] for known, those in zip(self._labels, own, strict=True)])
        return labels if (labels != NO_LABEL).any() else None

    def evenly_spread(self, count: int) -> np.ndarray:
        """Indices of `count` samples, or of all if there are no more, ascending: equally many of each set, if it can.

        Within a set, see `ClipDataset.evenly_spread`.
        """
        sizes = np.diff(self._ends, prepend=0)
        share = equal_shares(sizes, count)
        chosen = [clips.evenly_spread(int(n)) for clips, n in zip(self.sets, share, strict=True) if n]
        firsts = (self._ends - sizes)[share > 0]
        return np.concatenate([first + those for first, those in zip(firsts, chosen, strict=True)])
