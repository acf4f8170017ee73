"""The samples of a data set of videos, which are found, indexed and divided into splits."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

from pvdm.data.checks import check_share, log_findings, long_enough, warn_of_validation
from pvdm.data.collection import ClipCollection
from pvdm.data.data_options import DataOptions, SampleOptions
from pvdm.data.dataset import ClipDataset
from pvdm.data.description import DataCard, fingerprint
from pvdm.data.index import Index, Video, in_one_range, index_videos, values_of
from pvdm.data.index_cache import IndexCache
from pvdm.data.latents.encoding_plan import are_latents
from pvdm.data.layouts.captions import FoundCaptions, with_captions, with_known_captions
from pvdm.data.layouts.layout_registry import LAYOUTS, GivenLayout, find_splits
from pvdm.data.layouts.splits import Part, SplitOptions, Splits
from pvdm.data.scenes.scene_dataset import SceneDataset
from pvdm.data.scenes.scene_videos import ROOT
from pvdm.data.tracks.frame_tracks import FrameTracks
from pvdm.data.tracks.sample_scores import SampleScores
from pvdm.errors import InputError
from pvdm.video import Reader
from pvdm.video.decoding import decord as decord_reading

NO_FLIP = "data.horizontal_flip false"

logger = logging.getLogger(__name__)


class VideoCollection(ClipCollection):
    """Videos or folders of frames below `path`.

    Args:
        path: Folder of the data set, or a catalogue of clips.
        samples: What a sample is, and which of them are taken.
        layout: How the folder is organized; auto recognizes the published layouts.
        splits: Which videos are for what; its seed is that of order and augmentation, too.
        part: Which splits training takes.
        max_bad_share: Share of the videos that may be unreadable or too short, in [0, 1]; more is an error.
        reader: What decodes video files.
        card: What the user says of the data.
        captions: Whether samples have captions.
        tracks: What samples have of each frame.
        scores: Which scores samples have.
        value_range: The values of image series that become black and white; None for the lowest and highest of all.
    """

    def __init__(
        self,
        path: Path,
        samples: SampleOptions,
        *,
        layout: GivenLayout = "auto",
        splits: SplitOptions = SplitOptions(),
        part: Part = "train",
        max_bad_share: float = 0.05,
        reader: Reader = "auto",
        card: DataCard = DataCard(),
        captions: bool = False,
        tracks: FrameTracks = FrameTracks(),
        scores: SampleScores = SampleScores(),
        value_range: tuple[float, float] | None = None,
    ) -> None:
        super().__init__(ROOT if layout == "scenes" else path, samples, card)
        if reader == "decord":
            decord_reading.check_installed()
        if samples.balanced and layout != "auto" and not LAYOUTS[layout].has_classes:
            raise InputError(f"layout {layout} has no classes to balance", "set data.layout classes or balanced false")
        self.given_layout, self.splits, self.part = layout, splits, part
        self.max_bad_share, self.reader, self.captions = max_bad_share, reader, captions
        self.tracks, self.scores, self.value_range = tracks, scores, value_range
        self.discovered: tuple[Splits, Index] | InputError | None = None
        """The result of `discover`; with several processes, that of the first."""
        self.has_validation = False
        """Whether there are videos for validation; after `setup`."""

    @classmethod
    def of(cls, options: DataOptions) -> VideoCollection:
        """The collection that options describe; InputError if that is one of latents."""
        if options.layout == "latents":
            problem = f"{options.path} is to hold latents (data.layout), not videos"
            raise InputError(problem, "give the videos' own layout")
        if options.mix:
            raise InputError("data.mix is several data sets", "name one of them as data.path, with its data.layout")
        return cls(
            options.path,
            options.samples,
            layout=options.layout,
            splits=options.splits,
            part=options.part,
            max_bad_share=options.max_bad_share,
            reader=options.reader,
            card=options.card,
            captions=options.captions,
            tracks=options.tracks,
            scores=options.clip_scores,
            value_range=options.value_range,
        )

    def setup(self, *, log: bool = True) -> None:
        if self.training is not None:
            return
        splits, index = self.find()
        if self.samples.balanced and splits.classes is None:
            raise InputError("the data have no classes to balance", "set data.layout classes or data.balanced false")
        unreadable, index = index.bad, long_enough(index, self.clip)
        training, validation = index.of(splits.training), index.of(splits.validation).videos
        # How long the clips of a catalogue are depends on where their files were cut, so short ones are no fault.
        bad = unreadable if splits.layout == "catalogue" else index.bad
        check_share(len(splits.entries), bad, self.max_bad_share)
        check_share(len(splits.training), training.bad, 1)
        if log:
            log_findings(self.path, splits, index, clip=self.clip, reader=self.reader)
            warn_of_validation(bool(validation), self.part)
        self.classes, self.has_validation = splits.classes, bool(validation)
        if log and self.captions and self.samples.augmentation.horizontal_flip:
            logger.warning("mirrored samples keep their captions: if these say left or right, set %s", NO_FLIP)
        self.training = self._dataset(training.videos, training=True)
        self.validation = self._dataset(validation or training.videos, training=False)

    def find(self) -> tuple[Splits, Index]:
        """The videos, and what is known of each, whether it is long enough or not; looked up once.

        `InputError` if the folder is missing, empty or of another layout.
        """
        discovered = self.discover()
        if isinstance(discovered, InputError):
            raise discovered
        return discovered

    def discover(self) -> tuple[Splits, Index] | InputError:
        """As `find`, but returns an error, which can then be sent to other processes."""
        if self.discovered is None:
            try:
                self.discovered = self._find_and_index()
            except InputError as error:
                self.discovered = error
        return self.discovered

    @property
    def root(self) -> Path:
        """The folder that the videos lie in, which a catalogue names; after `find`."""
        return self.find()[0].root or self.path

    @property
    def layout(self) -> str:
        """The layout that the data are read as; that which `auto` recognized after `find`."""
        return self.discovered[0].layout if isinstance(self.discovered, tuple) else self.given_layout

    def describe(self) -> dict[str, Any]:
        splits, index = self.find()
        good = long_enough(index, self.clip)
        return {
            "layout": self.layout,
            "split": self.splits.split if self.layout == "ucf101" else None,
            "part": self.part,
            "card": self.card.described(),
            "videos": {
                "training": len(self.training.videos),
                "validation": len(good.of(splits.validation).videos),
                "left_out": len(good.bad),
                "absent": len(splits.absent),
            },
            "classes": None if self.classes is None else len(self.classes),
            "files": fingerprint({entry.path for entry in splits.entries}),
            "samples": len(self.training),
            "clip": {**self.clip.to_dict(), "clips": self.samples.clips},
            **values_of(index.videos),
            **({"selection": dict(splits.selection)} if splits.selection else {}),
        }

    def find_captions(self) -> FoundCaptions:
        """The captions of all videos; `InputError` if there are none."""
        return self._captions(*self.find())

    def _find_and_index(self) -> tuple[Splits, Index]:
        """Finds the files, and reads those that the cache does not know."""
        if are_latents(self.path):
            raise InputError(
                f"{self.path} holds latents that pvdm encode has made",
                "train from them with --data.layout latents (-c configs/data/latents.yaml), or give the folder "
                "of the videos",
            )
        splits = find_splits(self.path, self.given_layout, self.splits).train_on(self.part)
        cache = IndexCache.of(self.path)
        index = index_videos(splits.entries, cache=cache, progress=True)
        cache.save()
        index, noted = in_one_range(index, self.value_range)
        splits = replace(splits, notes=(*splits.notes, *noted))
        scored = self.scores.notes(index.videos, self.clip, self.path)
        if splits.layout == "scenes":
            return splits, index
        splits = replace(splits, notes=(*splits.notes, *self.tracks.notes(index, self.path), *scored))
        return self._captioned(splits, index) if self.captions else (splits, index)

    def _captioned(self, splits: Splits, index: Index) -> tuple[Splits, Index]:
        """With captions, and notes on videos without one and on captions without a video."""
        found = self._captions(splits, index)
        notes, videos = [], len(index.videos)
        if found.captioned < videos:
            notes.append(f"{videos - found.captioned} of {videos} videos have no caption")
        if found.unknown:
            some = f"such as {found.unknown[0]}"
            notes.append(f"{len(found.unknown)} captioned files are no videos of these splits, {some}")
        return replace(splits, notes=(*splits.notes, *notes)), found.index

    def _captions(self, splits: Splits, index: Index) -> FoundCaptions:
        if splits.layout == "catalogue":
            return with_known_captions(index, splits.entries, self.path)
        return with_captions(index, self.path)

    def _dataset(self, videos: list[Video], *, training: bool) -> ClipDataset:
        is_renewed = training and self.layout == "scenes" and self.splits.scenes.endless
        return (SceneDataset if is_renewed else ClipDataset)(
            videos,
            self.clip,
            clips=self.samples.clips,
            seed=self.splits.seed,
            training=training,
            augmentation=self.samples.augmentation,
            clips_per_video=self.samples.clips_per_video if training else None,
            reader=self.reader,
            captioned=self.captions,
            tracks=self.tracks,
            scores=self.scores,
        )
