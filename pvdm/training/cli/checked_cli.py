"""LightningCLI whose errors are one sentence and leave no files behind."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

from omegaconf.errors import OmegaConfBaseException
from pytorch_lightning import Trainer
from pytorch_lightning.cli import ArgsType, LightningArgumentParser, LightningCLI

from pvdm.config_parser import ConfigParser, causes
from pvdm.errors import REFUSALS, InputError, check_range, one_line, sentence
from pvdm.files.pickles import read_pickle
from pvdm.generation.stored_config import checked
from pvdm.runtime.precision import fastest_precision
from pvdm.training.cli.config_files import check_configs
from pvdm.training.cli.trainer import check_trainer, lightning_refusals
from pvdm.training.run.run_folder import ConfigOfRun, RunFolder

OF_ANY = {"pvdm", "state_dict", "pytorch-lightning_version"}
OF_TRAINING = {"optimizer_states", "lr_schedulers", "loops"}
"""Keys that a checkpoint needs to be used, and to be resumed."""

logger = logging.getLogger(__name__)


class TrainingParser(ConfigParser, LightningArgumentParser):
    """Lightning's parser with errors of one sentence."""

    remedies: ClassVar[Mapping[str, str]] = {
        "model": "give pvdm.training.AutoencoderTraining (stage 1) or pvdm.training.DiffusionTraining (stage 2) as "
        "model.class_path"
    }
    if_missing: ClassVar[Mapping[str, str]] = {
        "": "use a config (stage 1: -c configs/autoencoder.yaml, stage 2: -c configs/diffusion.yaml) or an option",
        "model.autoencoder": "give the exported folder or the checkpoint of stage 1, which stage 2 needs",
    }


class CheckedCLI(LightningCLI):
    """Checks what Lightning does not check, and shortens its errors."""

    def init_parser(self, **kwargs: Any) -> LightningArgumentParser:
        self.parser_class, self.save_config_callback = TrainingParser, ConfigOfRun
        return super().init_parser(**kwargs)

    def parse_arguments(self, parser: LightningArgumentParser, args: ArgsType) -> None:
        check_configs(args)
        try:
            super().parse_arguments(parser, args)
        except OmegaConfBaseException as error:
            key = f" of {error.full_key}" if error.full_key else ""
            reason = one_line(str(error).splitlines()[0])
            raise InputError(f"a value{key} cannot be resolved ({reason})", "write the value itself") from error
        config = self.config[self.config.subcommand]
        check_range(0, 2**32 - 1, seed_everything=config.seed_everything)
        if config.trainer.precision == "auto":  # the run's config says which it was
            config.trainer.precision = fastest_precision(str(config.trainer.accelerator))

    def _parse_ckpt_path(self) -> None:
        """Refuses a wrong file; Lightning would look for hyperparameters, which our checkpoints do not have."""
        path = self.config[self.config.subcommand].get("ckpt_path")
        if path and Path(path).is_file():
            check_checkpoint(Path(path), resume=self.config.subcommand == "fit")

    def _dump_config(self) -> None:
        """Leaves out Lightning's dump for `save_hyperparameters`, which takes a tenth of the time before training.

        Our modules do not call that: checkpoints hold the model's configuration and the text of the run's config.
        """
        self.config_dump = {}

    def instantiate_classes(self) -> None:
        """Builds model, data and trainer; errors of constructors lose jsonargparse's wrapping."""
        try:
            with lightning_refusals("the trainer cannot do that"):
                super().instantiate_classes()
        except (TypeError, ValueError) as error:
            refused = next((cause for cause in causes(error) if isinstance(cause, REFUSALS) and sentence(cause)), None)
            if refused is None:
                raise
            raise refused from refused.__cause__

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        config = self._get(self.config_init, "trainer")
        check_trainer(config, is_automatic=self._get(self.config_init, "model").automatic_optimization)
        self.run_folder = RunFolder(Path(config.get("default_root_dir") or "."))
        with lightning_refusals("the trainer cannot be set up"):
            return super().instantiate_trainer(**kwargs)

    def _run_subcommand(self, subcommand: str) -> None:
        try:
            self.run_folder.check_writable()
            with _log_errors_as_warnings(), lightning_refusals("the trainer cannot do that"):
                super()._run_subcommand(subcommand)
        except REFUSALS as error:
            if sentence(error) and not self._has_begun():
                self._clear()
            raise

    def _has_begun(self) -> bool:
        return any(isinstance(callback, ConfigOfRun) and callback.already_saved for callback in self.trainer.callbacks)

    def _clear(self) -> None:
        """Closes the logs and deletes the run's files; rank 0 does it for all processes."""
        if self.trainer.is_global_zero:
            for made in self.trainer.loggers:
                made.finalize("failed")
            self.run_folder.clear()


def check_checkpoint(path: Path, *, resume: bool) -> None:
    """InputError unless the file is a checkpoint of pvdm and, with `resume`, holds the training state."""
    content = read_pickle(path, mapped=True)
    found = content.keys()
    if not found >= OF_ANY:
        raise InputError(f"{path} is not a checkpoint of pvdm fit", "give another as --ckpt_path")
    checked(content["pvdm"], path)
    if resume and not found >= OF_TRAINING:
        missing = min(OF_TRAINING - found)
        raise InputError(
            f"{path} holds a model but no training state to resume (no {missing})", "leave out --ckpt_path"
        )


@contextmanager
def _log_errors_as_warnings() -> Iterator[None]:
    """Turns system errors in TensorBoard's writer thread into a warning instead of a traceback."""
    before = threading.excepthook

    def log_error(thread: threading.ExceptHookArgs) -> None:
        if thread.exc_value is not None and isinstance(thread.exc_value, OSError) and sentence(thread.exc_value):
            logger.warning("the logs cannot be written (%s)", thread.exc_value.strerror)
        else:
            before(thread)

    threading.excepthook = log_error
    try:
        yield
    finally:
        threading.excepthook = before
