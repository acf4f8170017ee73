"""Base of both stages: checks that the data fit the model, and saves in checkpoints what is needed to rebuild it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import fields
from itertools import zip_longest
from typing import Any

import torch
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.trainer.states import TrainerFn
from torch import Tensor

from pvdm.data.collection import ClipCollection
from pvdm.errors import InputError, one_line
from pvdm.generation import VideoGenerator
from pvdm.generation.stored_config import class_of_part
from pvdm.runtime.precision import allow_tf32
from pvdm.training.data import ClipData
from pvdm.training.nonfinite import FiniteUpdates
from pvdm.training.optimization import OptimizerConfig, apply_to_saved
from pvdm.training.run.sharding import ShardedStrategy

PARTS = ("autoencoder", "denoiser", "diffusion")
"""Sections of the configuration in which a checkpoint must agree with the model that loads it."""

READ_BY_PYTHON = ("key", "has_context", "row")
"""Entries of a batch that stay on the CPU."""

logger = logging.getLogger(__name__)


class GeneratorTraining(FiniteUpdates):
    """Base of both stages, which define:

    `generator`, the model; `optimizer_config`; `trained`, the name of the network that is trained; `clips_per_sample`,
    the number of consecutive clips in a sample; `updates`, the number of updates so far; `figure`, the name of the
    validation figure by which over- and underfitting are judged, and `higher_is_better`, which says in which direction.
    """

    generator: VideoGenerator
    optimizer_config: OptimizerConfig
    trained: str
    clips_per_sample: int
    figure: str
    higher_is_better: bool

    def figures(self, batch: dict[str, Any]) -> Tensor:
        """The `figure` of each sample of a batch on the module's device, (b,); `validation_step` returns it, too."""
        raise NotImplementedError

    def setup(self, stage: str) -> None:
        """Takes frame rate, description and classes from the data, and logs sizes; InputError if they do not fit."""
        allow_tf32(self.trainer.strategy.root_device)
        if not isinstance(self.trainer.datamodule, ClipData):
            return
        data = self.trainer.datamodule.collection
        size = self.generator.autoencoder.config
        data.check_sizes(frames=size.frames, height=size.height, width=size.width, clips=self.clips_per_sample)
        self.generator.pace = data.clip_fps or self.generator.pace
        self.generator.data = data.describe()
        if self.generator.class_count is not None:
            self.generator.classes = self.classes_of(data)
        if stage == "fit" and self.trainer.is_global_zero:
            self._log_sizes(data)

    def classes_of(self, data: ClipCollection) -> tuple[str, ...] | None:
        """Names of the classes that the denoiser learns; InputError if the data do not have as many."""
        return _classes_of(data, self.generator.class_count)

    def configure_model(self) -> None:
        """Shards the denoiser for training if the strategy does so; InputError in stage 1."""
        strategy = self.trainer.strategy
        if isinstance(strategy, ShardedStrategy) and self.trainer.state.fn == TrainerFn.FITTING:
            if self.generator.denoiser is None:
                raise InputError("stage 1 cannot be trained sharded", "give --trainer.strategy ddp")
            strategy.shard(self.generator.denoiser)

    def log(self, name: str, value: Any, **options: Any) -> None:
        """Weights each rank by its number of samples; Lightning would round the mean batch size down."""
        if options.get("batch_size") and self._trainer is not None:  # Lightning has no public way to ask for it
            options["batch_size"] *= self.trainer.world_size
        super().log(name, value, **options)

    def transfer_batch_to_device(self, batch: dict[str, Any], device: torch.device, dataloader_idx: int) -> Any:
        """Leaves `READ_BY_PYTHON` on the CPU, so that reading them does not wait for the device."""
        stay = {name: batch[name] for name in READ_BY_PYTHON if name in batch}
        return {**super().transfer_batch_to_device(batch, device, dataloader_idx), **stay}

    def on_train_batch_end(self, outputs: Tensor | None, batch: dict[str, Any], batch_idx: int) -> None:
        self.log("step", float(self.updates))  # the x-axis of the logs, which would otherwise count batches

    def on_validation_epoch_end(self) -> None:
        if self.trainer.state.fn == TrainerFn.FITTING:
            self.log("step", float(self.updates), sync_dist=True)  # the same on all ranks

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        super().on_save_checkpoint(checkpoint)
        self.generator.training_step = self.updates
        checkpoint["pvdm"] = self.generator.to_config()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """InputError if the checkpoint has another origin, stage, size, or order of classes."""
        if "pvdm" not in checkpoint:
            raise InputError("the checkpoint is not one of pvdm fit", "give another as --ckpt_path")
        config = self.generator.to_config()
        stages = [2 if parts.get("denoiser") else 1 for parts in (checkpoint["pvdm"], config)]
        if stages[0] != stages[1]:
            raise InputError(
                f"the checkpoint is of stage {stages[0]} and this is stage {stages[1]}",
                "choose another --trainer.default_root_dir",
            )
        is_resumed = self._trainer is not None and self.trainer.state.fn == TrainerFn.FITTING
        if not is_resumed or self.generator.pace is None:  # evaluation data do not change a model's frame rate
            self.generator.pace = checkpoint["pvdm"].get("fps")
        super().on_load_checkpoint(checkpoint)
        self._warn_of_other_data(checkpoint["pvdm"].get("data"))
        for part in PARTS:
            wanted = config[part] or {}
            found = checkpoint["pvdm"].get(part) or {}
            found = {**_defaults(part, wanted), **found} if found else found  # an older version lacks later settings
            for name in {**wanted, **found}:
                if found.get(name) != wanted.get(name):
                    raise InputError(
                        f"{part}.{name} is {found.get(name)} in the checkpoint and {wanted.get(name)} in the "
                        "configuration",
                        "make them agree, or choose another --trainer.default_root_dir",
                    )

        saved, classes = checkpoint["pvdm"].get("classes"), config["classes"]
        if saved and classes and saved != classes:
            found, wanted = next(pair for pair in zip_longest(saved, classes) if pair[0] != pair[1])
            raise InputError(
                f"a label that is {found} in the checkpoint is {wanted} in the data",
                "give data of the same classes, or choose another --trainer.default_root_dir",
            )

        self._apply_optimizer_settings(checkpoint)

    def optimizer_configs(self) -> dict[str, OptimizerConfig]:
        """The configs of the optimizers, in order, by their keys in the configuration."""
        return {"model.optimizer": self.optimizer_config}

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False) -> Any:
        """InputError if the names or shapes of the weights differ from those of the model."""
        try:
            return super().load_state_dict(state_dict, strict, assign)
        except (RuntimeError, TypeError) as error:
            reason = one_line(str(error).splitlines()[-1])
            raise InputError(f"the checkpoint's weights do not fit the model ({reason})", "give another") from error

    def _apply_optimizer_settings(self, checkpoint: dict[str, Any]) -> None:
        """Applies the config's settings to a resumed run; PyTorch would restore the checkpoint's."""
        states, schedules = checkpoint.get("optimizer_states"), checkpoint.get("lr_schedulers")
        if not states or not schedules or self.trainer.state.fn != TrainerFn.FITTING:
            return
        for (name, config), *saved in zip(self.optimizer_configs().items(), states, schedules, strict=False):
            apply_to_saved(config, *saved, name=name)  # an adversary may have been added or dropped

    def _warn_of_other_data(self, before: Mapping[str, Any] | None) -> None:
        """Warns if a run is resumed with other data."""
        now = self.generator.data
        if not before or not now or not self.trainer.is_global_zero or self.trainer.state.fn != TrainerFn.FITTING:
            return
        compared = ("layout", "split", "part", "card", "videos")
        names = [name for name in compared if _set(before.get(name)) != _set(now.get(name))]
        if names:
            changes = (f"{name} was {before.get(name)} and is {now.get(name)}" for name in names)
            logger.warning("resuming with other data: %s", "; ".join(changes))

    def _log_sizes(self, data: ClipCollection) -> None:
        config = self.generator.autoencoder.config
        shape, channels = config.latent_shape, config.latent_channels
        logger.info("device: %s, precision %s", _name_of_devices(self.trainer), self.trainer.precision)
        trained, frozen = (_weights(self, is_trained=is_trained) for is_trained in (True, False))
        logger.info("weights: %s to train, %s frozen", f"{trained:,}", f"{frozen:,}")
        logger.info(
            "clip: %d frames of %dx%d (%d in a sample)", config.frames, config.height, config.width, data.samples.clips
        )
        logger.info("latent: %s, %d values", shape.describe(channels), channels * shape.positions)
        logger.info("data: %d videos, %d samples in an epoch", len(data.training.videos), len(data.training))


def _defaults(part: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Default values of the settings of a part of the configuration."""
    return {field.name: field.default for field in fields(class_of_part(part, settings))}


def _name_of_devices(trainer: Trainer) -> str:
    device = trainer.strategy.root_device
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    return name if trainer.world_size == 1 else f"{trainer.world_size} x {name}"


def _weights(module: LightningModule, *, is_trained: bool) -> int:
    return sum(value.numel() for value in module.parameters() if value.requires_grad == is_trained)


def _classes_of(data: ClipCollection, count: int) -> tuple[str, ...]:
    """Names of the data's classes; InputError unless their number is the denoiser's, and some sample has a label."""
    if data.classes is None:
        raise InputError(
            f"model.denoiser.classes is {count}, but the data have no classes",
            "give data in folders by class, or leave model.denoiser.classes out",
        )
    if len(data.classes) != count:
        found = len(data.classes)
        raise InputError(
            f"the data have {found} classes, the denoiser {count}",
            f"set model.denoiser.classes to {found}",
        )
    if data.training.labels is None:
        raise InputError(
            f"model.denoiser.classes is {count}, but no training video has a label",
            "move some into the folders of their classes, or leave model.denoiser.classes out",
        )
    return tuple(data.classes)


def _set(value: Any) -> Any:
    """A record without what is not set: older ones may lack it."""
    return {name: one for name, one in value.items() if one is not None} if isinstance(value, Mapping) else value
