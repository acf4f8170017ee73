"""Trains a low-rank adapter of a denoiser, whose own weights stay as they are."""

from __future__ import annotations

import logging
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Literal

from pvdm.conditions.given_frames import GivenFrames
from pvdm.conditions.text import TextConfig
from pvdm.data.collection import ClipCollection
from pvdm.diffusion import DiffusionConfig, SamplerConfig, TimeDistribution
from pvdm.diffusion.adapters.adapter_file import StoredAdapter
from pvdm.diffusion.adapters.low_rank import AdapterConfig, LowRankAdapter, named_by_layer
from pvdm.errors import InputError
from pvdm.files.weights import sha256_of_weights
from pvdm.generation.model_files import ADAPTER
from pvdm.generation.stored_config import denoiser_config
from pvdm.training.diffusion_training import DiffusionTraining
from pvdm.training.optimization import OptimizerConfig
from pvdm.training.run.sharding import ShardedStrategy
from pvdm.training.warm_start import read_model

FILE = "adapter.safetensors"
"""The averaged adapter of the newest checkpoint, in the folder of the run."""

logger = logging.getLogger(__name__)


class AdapterTraining(DiffusionTraining):
    """Fine-tunes a whole model by a `LowRankAdapter` alone: only the adapter is trained, averaged and written.

    The model brings its sizes, noise process and latents; data and validation are those of `DiffusionTraining`. Each
    checkpoint also writes the averaged adapter to `adapter.safetensors` in the folder of the run; as a model, a
    checkpoint is that with the adapter merged.

    Args:
        init_from: The model to adapt: exported folder or training checkpoint of stage 2.
        adapter: Sizes of the adapter.
        optimizer: The optimizer and its learning rate.
        times: Distribution of the timesteps in training.
        loss: Mean square or mean absolute difference.
        context_dropout: Probability that a sample is trained without its context.
        context_noise: Distribution of the timesteps to which contexts are noised, for a model that is told the level;
            any other is trained without.
        label_dropout: Probability that a sample is trained without its label.
        given_frames: In which samples which frames are given, for a model that takes given frames.
        hint_noise: Distribution of the timesteps to which given frames are noised; None leaves them as they are.
        min_snr_gamma: See `DiffusionTraining`.
        validation_times: Number of evenly spaced timesteps at which the validation loss is computed.
        sampler: Sampler of `predict`.
        activation_checkpointing: See `DiffusionTraining`.
        max_skipped: Training ends after this many skipped updates in a row.
    """

    trained = "adapter"

    def __init__(
        self,
        init_from: Path,
        *,
        adapter: AdapterConfig = AdapterConfig(),
        optimizer: OptimizerConfig = OptimizerConfig(),
        times: TimeDistribution = TimeDistribution(),
        loss: Literal["l2", "l1"] = "l2",
        context_dropout: float = 0.5,
        context_noise: TimeDistribution = TimeDistribution("lognormal", -1.5, 1.2),
        label_dropout: float = 0.1,
        given_frames: GivenFrames = GivenFrames(),
        hint_noise: TimeDistribution | None = None,
        min_snr_gamma: float | None = None,
        validation_times: int = 8,
        sampler: SamplerConfig = SamplerConfig(),
        activation_checkpointing: bool | str | tuple[str, ...] = False,
        max_skipped: int = 20,
    ) -> None:
        config, _ = read_model(init_from)
        if not config.get("denoiser"):
            raise InputError(f"{init_from} is a stage-1 autoencoder without a denoiser", "give a model of stage 2")
        denoiser = denoiser_config(config["denoiser"])
        super().__init__(
            init_from,
            denoiser=denoiser,
            diffusion=replace(DiffusionConfig(**config["diffusion"]), autoguidance=0.0),  # the guide is not trained
            optimizer=optimizer,
            times=times,
            loss=loss,
            context_dropout=context_dropout,
            context_noise=context_noise if denoiser.context_levels else None,
            label_dropout=label_dropout,
            given_frames=given_frames if denoiser.hints else None,
            hint_noise=hint_noise,
            min_snr_gamma=min_snr_gamma,
            validation_times=validation_times,
            sampler=sampler,
            activation_checkpointing=activation_checkpointing,
            max_skipped=max_skipped,
            init_from=init_from,
        )
        self.generator.classes = tuple(config["classes"]) if config.get("classes") else None
        self.generator.sound = config.get("sound")
        self.generator.score_ranges = config.get("score_ranges") or {}
        self.generator.text = TextConfig(**config["text"]) if config.get("text") else None
        self.generator.denoiser.requires_grad_(False)
        self.adapter = LowRankAdapter(self.generator.denoiser, adapter)
        self.adapter.attach(self.generator.denoiser)

    def setup(self, stage: str) -> None:
        """Captions are optional here, even for a model of text, and so are scores."""
        self.conditioning.has_captions = all(clips.captioned for clips in self.sets())
        if any(clips.scores.names for clips in self.sets()):
            self.conditioning.scores = self.generator.denoiser.config.scores
        super().setup(stage)

    def classes_of(self, data: ClipCollection) -> tuple[str, ...] | None:
        """Those of the model, for data without classes, which are of no particular one; else as in `DiffusionTraining`.

        InputError, too, if the data's classes have other names.
        """
        own = self.generator.classes
        if data.classes is None:
            return own
        found = super().classes_of(data)
        if own is not None and found != own:
            raise InputError(
                f"the data have the classes {', '.join(found[:3])}, ..., and the model {', '.join(own[:3])}, ...",
                "give data without classes, such as data.layout folder, or with those of the model",
            )
        return found

    def configure_model(self) -> None:
        """InputError if the strategy shards the network: an adapter is small."""
        if isinstance(self.trainer.strategy, ShardedStrategy):
            raise InputError("an adapter cannot be trained sharded", "give --trainer.strategy ddp")

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Also writes the averaged adapter to its file."""
        super().on_save_checkpoint(checkpoint)
        checkpoint[ADAPTER] = asdict(self.adapter.config)
        if self.trainer.is_global_zero:
            tensors = named_by_layer(checkpoint["state_dict"], prefix="adapter.")
            words = self.generator.text.words if self.conditioning.is_told else ()
            stored = StoredAdapter(tensors, self.adapter.config, sha256_of_weights(self.generator.denoiser), words)
            stored.save(Path(self.trainer.default_root_dir, FILE), overwrite=True)

    def on_train_end(self) -> None:
        super().on_train_end()
        if self.trainer.is_global_zero:
            logger.info("the adapter, for --adapter of pvdm sample: %s", Path(self.trainer.default_root_dir, FILE))
