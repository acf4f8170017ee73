"""Cached latents in the place of videos, for the same stage-2 configuration."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

from pvdm.autoencoder import ProjectedAutoencoder
from pvdm.data import Augmentation, DataCard, Part
from pvdm.data.checks import warn_of_validation
from pvdm.data.latents.latent_clips import LatentClips
from pvdm.data.latents.latent_folder import open_latents
from pvdm.errors import InputError
from pvdm.files.weights import sha256_of_weights
from pvdm.video import ClipShape, ColorJitter

logger = logging.getLogger(__name__)


def digest_of(autoencoder: ProjectedAutoencoder) -> str:
    """SHA-256 of sizes and weights, the same from an export and from a checkpoint."""
    sizes = json.dumps(asdict(autoencoder.config), sort_keys=True)
    return sha256(f"{sizes} {sha256_of_weights(autoencoder)}".encode()).hexdigest()


class CachedLatents:
    """A complete folder of `pvdm encode`; InputError if it is not that."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.plan = folder, open_latents(folder)

    def check_clip(self, given: ClipShape, clips: int) -> None:
        """InputError if the clips that are given, where pace is not left at its defaults, are others."""
        wanted, default = self.plan.clip, ClipShape(given.frames, given.height, given.width)
        pace = {name for name in ("stride", "fps") if getattr(given, name) != getattr(default, name)}
        for name in ("frames", "height", "width", *sorted(pace)):
            if getattr(given, name) != getattr(wanted, name):
                found, asked = getattr(wanted, name), getattr(given, name)
                raise InputError(
                    f"the latents in {self.folder} are of clips with {name} {found}, and data.{name} is {asked}",
                    f"set it to {found}, or encode such clips",
                )
        if clips != 2:
            raise InputError(
                f"latents are for stage 2, of 2 clips in a sample, and data.clips is {clips}",
                "give videos for stage 1",
            )

    def check_parts(self, part: Part, split: int, *, balanced: bool) -> None:
        """InputError for what is asked for, where it is not the default, and is not what was encoded."""
        for name, given, default in (("part", part, "train"), ("split", split, 1)):
            found = self.plan.data[name]
            if found is not None and given not in (default, found):
                raise InputError(
                    f"the latents in {self.folder} are of {name} {found}, and data.{name} is {given}",
                    "leave it out, or encode that one",
                )
        if balanced and self.plan.classes is None:
            raise InputError("the latents have no classes to balance", "set data.balanced false")

    def check_autoencoder(self, autoencoder: ProjectedAutoencoder) -> None:
        """InputError unless it is the one whose latents these are."""
        if digest_of(autoencoder) != self.plan.autoencoder["sha256"]:
            raise InputError(
                f"the latents in {self.folder} are those of another autoencoder",
                "give that one as --model.autoencoder, or encode the videos with this one (pvdm encode)",
            )

    def check_colors(self, wanted: ColorJitter) -> None:
        """InputError if colours are to change."""
        if wanted != ColorJitter():
            raise InputError("latents have no colours that could change", "leave data.color_jitter out")

    def tell(self, wanted: Augmentation) -> None:
        """A line for each thing that a stage's config may ask for and that these latents do without."""
        warn_of_validation(bool(self.plan.validation), self.plan.data["part"])
        if wanted.random_crop:
            logger.info("data.random_crop plays no part: the latents are of clips cropped in the centre")
        if wanted.horizontal_flip and not self.plan.settings["flips"]:
            logger.warning("no sample is mirrored: the latents have no mirrored clips (pvdm encode --flips makes them)")

    def dataset(self, *, training: bool, **options: Any) -> LatentClips:
        """The samples of a part; without videos for validation, those of training."""
        numbers = range(self.plan.training) if training else self.plan.validation or range(self.plan.training)
        return LatentClips(self.folder, self.plan, numbers, training=training, **options)

    def describe(self, card: DataCard) -> dict[str, Any]:
        """What the videos said of themselves, with what is now said of them in its place."""
        said = {name: text for name, text in asdict(card).items() if text is not None}
        settings = {name: self.plan.settings[name] for name in ("stride", "flips", "dtype", "precision")}
        return {**self.plan.data, "card": {**self.plan.data["card"], **said}, "latents": settings}
