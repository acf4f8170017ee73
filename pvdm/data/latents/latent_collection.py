"""The samples of a folder of cached latents, in place of those of the videos."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from pvdm.data.checks import warn_of_validation
from pvdm.data.collection import ClipCollection
from pvdm.data.data_options import DataOptions, SampleOptions
from pvdm.data.description import DataCard
from pvdm.data.latents.encoding_plan import LatentPlan
from pvdm.data.latents.latent_clips import LatentClips
from pvdm.data.latents.latent_folder import open_latents
from pvdm.data.layouts.splits import Part, SplitOptions
from pvdm.data.tracks.frame_tracks import FrameTracks
from pvdm.data.tracks.sample_scores import MOTION, SampleScores
from pvdm.errors import InputError
from pvdm.video import ClipShape, ColorJitter

logger = logging.getLogger(__name__)


class LatentCollection(ClipCollection):
    """The latents of a complete folder of `pvdm encode`, whose clips, splits and classes are those of its videos.

    The arguments are those of a `VideoCollection`. What they ask for must be what was encoded, or left at its default;
    `setup` raises `InputError` otherwise.
    """

    def __init__(
        self,
        path: Path,
        samples: SampleOptions,
        *,
        splits: SplitOptions = SplitOptions(),
        part: Part = "train",
        card: DataCard = DataCard(),
        captions: bool = False,
        tracks: FrameTracks = FrameTracks(),
        scores: SampleScores = SampleScores(),
    ) -> None:
        super().__init__(path, samples, card)
        self.captions, self.tracks, self.scores = captions, tracks, scores
        self.splits, self.part = splits, part
        self.plan: LatentPlan | None = None

    @classmethod
    def of(cls, options: DataOptions) -> LatentCollection:
        """The collection that options describe."""
        return cls(
            options.path,
            options.samples,
            splits=options.splits,
            part=options.part,
            card=options.card,
            captions=options.captions,
            tracks=options.tracks,
            scores=options.clip_scores,
        )

    @property
    def clip(self) -> ClipShape:
        """Size and pace of the clips that were encoded; before `setup`, of those in the options."""
        return self.plan.clip if self.plan else self.samples.clip

    def setup(self, *, log: bool = True) -> None:
        if self.training is not None:
            return
        plan = open_latents(self.path)
        self._check_clip(plan)
        self._check_splits(plan)
        if self.samples.augmentation.color_jitter != ColorJitter():
            raise InputError("latents have no colors that could change", "leave data.color_jitter out")
        if self.captions and plan.data["layout"] != "scenes" and not any(video.captions for video in plan.videos):
            problem = f"the latents in {self.path} have no captions"
            raise InputError(problem, "encode the videos again with data.captions true, or leave it out")
        self._check_tracks(plan)
        self.scores.notes(plan.videos, plan.clip, self.path)
        if MOTION in self.scores.names and MOTION not in plan.measured:
            problem = f"the latents in {self.path} have no score {MOTION}"
            raise InputError(problem, f"encode the videos again with data.scores '[{MOTION}]', or leave it out")
        if log:
            self._log_differences(plan)
        self.plan, self.classes = plan, plan.classes
        self.training = self._dataset(plan, range(plan.training), training=True)
        # Without validation videos, training videos take their place.
        self.validation = self._dataset(plan, plan.validation or range(plan.training), training=False)

    def check_autoencoder(self, digest: str) -> None:
        """InputError unless these are the latents of the autoencoder with this digest; after `setup`."""
        if digest != self.plan.autoencoder["sha256"]:
            raise InputError(
                f"the latents in {self.path} come from another autoencoder",
                "give that one as --model.autoencoder, or encode the videos with this one (pvdm encode)",
            )

    def check_hints(self, kinds: Collection[str], blur_factors: tuple[float, float] | None = None) -> None:
        """InputError unless hints of all these kinds of given frames were encoded; after `setup`.

        blur_factors: Of blurred clips, if they are among them, the least and the greatest.
        """
        if missing := [kind for kind in kinds if kind not in self.plan.hints]:
            raise InputError(
                f"the latents in {self.path} have no hints of the given frames {' and '.join(missing)}",
                f"encode the videos with --hints {' '.join(kinds)}, or give the videos as data.path",
            )
        if blur_factors and self.plan.blur_factors != tuple(blur_factors):
            pairs = (self.plan.blur_factors, blur_factors)
            there, here = (" to ".join(f"{value:g}" for value in pair) for pair in pairs)
            problem = f"has clips blurred by {there}, and model.given_frames.blur_factors is {here}"
            raise InputError(f"{self.path} {problem}", "give the same, or encode the videos again")

    def describe(self) -> dict[str, Any]:
        """Description of the videos, with the user's own card instead of theirs; after `setup`."""
        card = {name: text for name, text in self.card.described().items() if text is not None}
        names = ("stride", "flips", "dtype", "precision", "hints", "blur_factors", "scores", "cameras", "sound")
        settings = {name: self.plan.settings[name] for name in names if name in self.plan.settings}
        return {
            **self.plan.data,
            "card": {**self.plan.data["card"], **card},
            "latents": settings,
            "samples": len(self.training),
        }

    def _check_clip(self, plan: LatentPlan) -> None:
        """InputError if the options ask for other clips; stride, fps and loop at their defaults do not."""
        given, encoded = self.samples.clip, plan.clip
        default = ClipShape(given.frames, given.height, given.width)
        pace = [name for name in ("fps", "stride", "loop") if getattr(given, name) != getattr(default, name)]
        for name in ("frames", "height", "width", *pace):
            found, asked = getattr(encoded, name), getattr(given, name)
            if asked != found:
                raise InputError(
                    f"the latents in {self.path} are of clips with {name} {found}, and data.{name} is {asked}",
                    f"set it to {found}, or encode such clips",
                )
        if self.samples.clips != 2:
            raise InputError(
                f"latents are for stage 2, of 2 clips in a sample, and data.clips is {self.samples.clips}",
                "give videos for stage 1",
            )

    def _check_splits(self, plan: LatentPlan) -> None:
        """InputError if the options ask for other videos; at their defaults they do not."""
        for name, asked, default in (("part", self.part, "train"), ("split", self.splits.split, 1)):
            found = plan.data[name]
            if found is not None and asked not in (default, found):
                raise InputError(
                    f"the latents in {self.path} are of {name} {found}, and data.{name} is {asked}",
                    "leave it out, or encode that one",
                )
        if self.samples.balanced and plan.classes is None:
            raise InputError("the latents have no classes to balance", "set data.balanced false")
        if self.splits.folders:
            raise InputError(
                "latents have the splits that were encoded",
                "leave out data.training_folders and data.validation_folders",
            )

    def _check_tracks(self, plan: LatentPlan) -> None:
        """InputError if samples are to have vectors of frames that were not encoded; those of scenes need not be."""
        if plan.data["layout"] == "scenes" or self.tracks.within(plan.tracks):
            return
        for name, asked, found in (
            ("cameras", self.tracks.cameras, plan.tracks.cameras),
            ("sound", self.tracks.sound, plan.tracks.sound),
        ):
            if asked and asked != found:
                problem = f"the latents in {self.path} have " + (f"{name} by {found}" if found else f"no {name}")
                value = str(asked).lower() if asked is True else asked
                raise InputError(problem, f"encode the videos again with data.{name} {value}, or leave it out")

    def _log_differences(self, plan: LatentPlan) -> None:
        """Logs each option of a stage's config that has no effect on these latents."""
        warn_of_validation(bool(plan.validation), plan.data["part"])
        if self.samples.augmentation.random_crop:
            logger.info("data.random_crop has no effect: the latents are of clips cropped in the center")
        if self.samples.augmentation.horizontal_flip and not plan.settings["flips"]:
            logger.warning("no sample is mirrored: the latents have no mirrored clips (pvdm encode --flips makes them)")

    def _dataset(self, plan: LatentPlan, numbers: Sequence[int], *, training: bool) -> LatentClips:
        return LatentClips(
            self.path,
            plan,
            numbers,
            seed=self.splits.seed,
            training=training,
            horizontal_flip=training and self.samples.augmentation.horizontal_flip,
            clips_per_video=self.samples.clips_per_video if training else None,
            captioned=self.captions,
            tracks=self.tracks,
            scores=self.scores,
        )
