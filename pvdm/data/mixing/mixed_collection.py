"""The samples of several data sets of videos, mixed by weight."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from typing import Any

from pvdm.data.collection import ClipCollection
from pvdm.data.data_options import DataOptions, SampleOptions
from pvdm.data.description import DataCard, fingerprint
from pvdm.data.index import Index
from pvdm.data.layouts.splits import Splits
from pvdm.data.mixing.mixed_clips import MixedClips
from pvdm.data.video_collection import VideoCollection
from pvdm.errors import InputError

logger = logging.getLogger(__name__)


class MixedCollection(ClipCollection):
    """Several collections as one: training takes each in proportion to its weight, validation all alike.

    An epoch has as many samples as all sets together; a set that gives more than it has is gone through several times,
    each time in another order. Classes of the same name are the same, and samples without a class have none here. Sets
    without validation videos are left out of validation, unless none has any.

    Args:
        sets: The collections, whose samples have equal sizes.
        weights: Their shares of the training samples, in any unit.
        samples: The content of a sample.
        card: What the user says of the data.
    """

    def __init__(
        self, sets: Sequence[VideoCollection], weights: Sequence[float], samples: SampleOptions, card: DataCard
    ) -> None:
        super().__init__(sets[0].path, samples, card)
        self.sets, self.weights = list(sets), list(weights)

    @classmethod
    def of(cls, options: DataOptions) -> MixedCollection:
        """The collection that options with a mix describe."""
        sets = [VideoCollection.of(options.of_set(part)) for part in options.mix]
        return cls(sets, [part.weight for part in options.mix], options.samples, options.card)

    def setup(self, *, log: bool = True) -> None:
        if self.training is not None:
            return
        for videos in self.sets:
            videos.setup(log=log)
        self.classes = tuple(dict.fromkeys(name for videos in self.sets for name in videos.classes or ())) or None
        self.training = self._mixed(self.sets, "training", self.weights)
        self.validation = self._mixed(self._held_out, "validation")
        if log:
            self._log_shares()

    def discover(self) -> list[tuple[Splits, Index]] | InputError:
        """What each set holds, or the first error, which can be sent to other processes."""
        found = [videos.discover() for videos in self.sets]
        return next((each for each in found if isinstance(each, InputError)), found)

    @property
    def discovered(self) -> list[tuple[Splits, Index]] | InputError:
        """The result of `discover`; with several processes, that of the first, which they are given."""
        return self.discover()

    @discovered.setter
    def discovered(self, found: list[tuple[Splits, Index]] | InputError) -> None:
        each = [found] * len(self.sets) if isinstance(found, InputError) else found
        for videos, own in zip(self.sets, each, strict=True):
            videos.discovered = own

    @property
    def clip_fps(self) -> float | None:
        """Frames per second of the clips of the first set that records it."""
        return next((rate for videos in self.sets if (rate := videos.clip_fps)), None)

    @property
    def measured_training(self) -> MixedClips:
        """Of the sets that validation takes, which compares them."""
        return self._mixed(self._held_out, "training").fixed()

    @property
    def _held_out(self) -> list[VideoCollection]:
        """The sets that validation takes."""
        return [videos for videos in self.sets if videos.has_validation] or self.sets

    def describe(self) -> dict[str, Any]:
        sets = [videos.describe() for videos in self.sets]
        counts = sum((Counter(each["videos"]) for each in sets), Counter())
        paths = {entry.path for videos in self.sets for entry in videos.find()[0].entries}
        shown = ("layout", "split", "part", "card", "videos", "clip", "selection")
        return {
            "layout": "mix",
            "split": None,
            "part": None,
            "card": self.card.described(),
            "videos": {name: counts[name] for name in sets[0]["videos"]},
            "classes": None if self.classes is None else len(self.classes),
            "files": fingerprint(paths),
            "samples": len(self.training),
            "clip": {**self.clip.to_dict(), "clips": self.samples.clips},
            "mix": [
                {"weight": weight, **{name: each[name] for name in shown if name in each}}
                for weight, each in zip(self.weights, sets, strict=True)
            ],
        }

    def _mixed(self, sets: Sequence[VideoCollection], split: str, weights: Sequence[float] | None = None) -> MixedClips:
        labels = [[self.classes.index(name) for name in videos.classes or ()] for videos in sets]
        return MixedClips([getattr(videos, split) for videos in sets], labels, weights)

    def _log_shares(self) -> None:
        shares = (f"{weight / sum(self.weights):.0%} {videos.path}" for weight, videos in self._pairs())
        logger.info("training samples: %s", ", ".join(shares))

    def _pairs(self) -> list[tuple[float, VideoCollection]]:
        return list(zip(self.weights, self.sets, strict=True))


def collection_of(options: DataOptions) -> VideoCollection | MixedCollection:
    """The collection that options of videos describe, of one data set or of a mix."""
    return MixedCollection.of(options) if options.mix else VideoCollection.of(options)
