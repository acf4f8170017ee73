"""`pvdm fit`, `validate`, `test` and `predict`: LightningCLI with this project's links and callbacks."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.cli import LightningArgumentParser, LightningCLI
from pytorch_lightning.loggers import TensorBoardLogger

from pvdm.training.averaging import AveragedWeights
from pvdm.training.data import VideoData
from pvdm.training.prediction import WriteVideos

PACKAGE = Path(__file__).parents[1]
logger = logging.getLogger(__name__)


class TrainingCLI(LightningCLI):
    """Each value has one home: sizes are the data's, the folder of a run is `trainer.default_root_dir`."""

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        parser.add_lightning_class_args(AveragedWeights, "averaging")
        parser.add_lightning_class_args(ModelCheckpoint, "checkpoint")
        parser.add_lightning_class_args(WriteVideos, "predictions")
        parser.set_defaults(
            {
                "checkpoint.save_last": True,
                "checkpoint.filename": "best",
                "checkpoint.enable_version_counter": False,
                "trainer.use_distributed_sampler": False,
            }
        )
        for size in ("frames", "height", "width"):
            parser.link_arguments(f"data.{size}", f"model.init_args.autoencoder.{size}")
        parser.link_arguments("seed_everything", "data.seed", compute_fn=int)

    def before_instantiate_classes(self) -> None:
        """The same command again goes on from the run's last checkpoint."""
        config = self.config[self.subcommand]
        last = Path(config.trainer.default_root_dir or ".") / "checkpoints" / "last.ckpt"
        if config.get("ckpt_path") is None and last.is_file():
            logger.info("continuing from %s", last) if self.subcommand == "fit" else logger.info("model: %s", last)
            config.ckpt_path = str(last)
        config.weights_only = True

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        root = self._get(self.config_init, "trainer").get("default_root_dir") or "."
        if self._get(self.config_init, "trainer").get("logger") in (None, True):
            kwargs["logger"] = TensorBoardLogger(root, name="", version="")
        return super().instantiate_trainer(**kwargs)


def main(arguments: Sequence[str]) -> None:
    """Runs one of Lightning's verbs; `arguments` begin with it."""
    TrainingCLI(
        LightningModule,
        VideoData,
        subclass_mode_model=True,
        seed_everything_default=0,
        save_config_kwargs={"overwrite": True},
        parser_kwargs={"parser_mode": "omegaconf"},
        args=find_configs(arguments),
    )


def find_configs(arguments: Sequence[str]) -> list[str]:
    """The arguments, with a config that is not here but in the package (`configs/...`) given by its place there."""
    found = list(arguments)
    for index, argument in enumerate(found[:-1]):
        if argument in ("-c", "--config"):
            found[index + 1] = str(_find_config(found[index + 1]))
    return found


def _find_config(name: str) -> Path | str:
    inside = PACKAGE / name
    return inside if name.startswith("configs/") and not Path(name).exists() and inside.is_file() else name
