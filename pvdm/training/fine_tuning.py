"""Base of the trainings of a whole model, which brings its sizes, noise process, latents, and what it takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pvdm.conditions.given_frames import GivenFrames
from pvdm.conditions.text import TextConfig
from pvdm.data.collection import ClipCollection
from pvdm.diffusion import DiffusionConfig, TimeDistribution
from pvdm.errors import InputError
from pvdm.generation.stored_config import denoiser_config
from pvdm.training.diffusion_training import DiffusionTraining
from pvdm.training.warm_start import read_model


class FineTuning(DiffusionTraining):
    """Trains a model further on data that may lack what it can be told: captions, classes, scores.

    Args:
        init_from: The model: exported folder or training checkpoint of stage 2.
        context_noise: As of `DiffusionTraining`; a model that is not told the level is trained without.
        given_frames: As of `DiffusionTraining`; a model that takes none is trained without.
        sizes: Fields of the denoiser's sizes that differ from the model's, such as `few_steps`.
        settings: Other arguments of `DiffusionTraining`.
    """

    def __init__(
        self,
        init_from: Path,
        *,
        context_noise: TimeDistribution | None,
        given_frames: GivenFrames | None,
        sizes: Mapping[str, Any] | None = None,
        **settings: Any,
    ) -> None:
        config, _ = read_model(init_from)
        if not config.get("denoiser"):
            raise InputError(f"{init_from} is a stage-1 autoencoder without a denoiser", "give a model of stage 2")
        denoiser = denoiser_config(config["denoiser"])
        super().__init__(
            init_from,
            denoiser=replace(denoiser, **(sizes or {})),
            diffusion=replace(DiffusionConfig(**config["diffusion"]), autoguidance=0.0, skipped_block=None),
            context_noise=context_noise if denoiser.context_levels else None,
            given_frames=given_frames if denoiser.hints else None,
            init_from=init_from,
            **settings,
        )
        self.generator.classes = tuple(config["classes"]) if config.get("classes") else None
        self.generator.sound = config.get("sound")
        self.generator.score_ranges = config.get("score_ranges") or {}
        self.generator.text = TextConfig(**config["text"]) if config.get("text") else None

    def setup(self, stage: str) -> None:
        """Captions are optional here, even for a model of text, and so are scores."""
        self.conditioning.has_captions = all(clips.captioned for clips in self.sets())
        if any(clips.scores.names for clips in self.sets()):
            self.conditioning.scores = self.generator.denoiser.config.scores
        super().setup(stage)

    def classes_of(self, data: ClipCollection) -> tuple[str, ...] | None:
        """Those of the model. The data may have any of them, or none, and are then of no particular one.

        InputError if a class of the data has a name that the model does not know.
        """
        own = self.generator.classes
        if data.classes is None:
            return own
        if own is None:
            return super().classes_of(data)
        if unknown := [name for name in data.classes if name not in own]:
            raise InputError(
                f"the data have a class {unknown[0]}, which the model does not know; it has {', '.join(own[:5])}"
                f"{', ...' if len(own) > 5 else ''}",
                "give data without classes, such as data.layout folder, or rename the folder",
            )
        self.conditioning.label_numbers = tuple(map(own.index, data.classes))
        return own
