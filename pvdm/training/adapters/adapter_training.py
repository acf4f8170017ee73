"""Trains a low-rank adapter of a denoiser, whose own weights stay as they are."""

from __future__ import annotations

import logging
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from pvdm.conditions.given_frames import GivenFrames
from pvdm.diffusion import SamplerConfig, TimeDistribution
from pvdm.diffusion.adapters.adapter_file import StoredAdapter
from pvdm.diffusion.adapters.low_rank import AdapterConfig, LowRankAdapter, named_by_layer
from pvdm.errors import InputError
from pvdm.files.weights import sha256_of_weights
from pvdm.generation.model_files import ADAPTER
from pvdm.training.fine_tuning import FineTuning
from pvdm.training.optimization import OptimizerConfig
from pvdm.training.run.sharding import ShardedStrategy

FILE = "adapter.safetensors"
"""The averaged adapter of the newest checkpoint, in the folder of the run."""

logger = logging.getLogger(__name__)


class AdapterTraining(FineTuning):
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
        super().__init__(
            init_from,
            context_noise=context_noise,
            given_frames=given_frames,
            optimizer=optimizer,
            times=times,
            loss=loss,
            context_dropout=context_dropout,
            label_dropout=label_dropout,
            hint_noise=hint_noise,
            min_snr_gamma=min_snr_gamma,
            validation_times=validation_times,
            sampler=sampler,
            activation_checkpointing=activation_checkpointing,
            max_skipped=max_skipped,
        )
        self.generator.denoiser.requires_grad_(False)
        self.adapter = LowRankAdapter(self.generator.denoiser, adapter)
        self.adapter.attach(self.generator.denoiser)

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
