"""LightningCLI whose refusals are one sentence each and leave no file behind."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from omegaconf.errors import OmegaConfBaseException
from pytorch_lightning import Trainer
from pytorch_lightning.cli import ArgsType, LightningArgumentParser, LightningCLI
from pytorch_lightning.utilities.exceptions import MisconfigurationException

from pvdm.errors import REFUSALS, InputError, check_range, one_line, sentence
from pvdm.files.pickles import read_pickle
from pvdm.generation.stored_config import checked
from pvdm.training.cli.parser_errors import PlainParser, check_configs
from pvdm.training.run.run_folder import ConfigOfRun, RunFolder

PRECISIONS = {None, "32", "32-true", "bf16", "bf16-mixed"}
SCALED_PRECISIONS = {"16", "16-mixed"}
"""Half precision needs a scaler of gradients, which Lightning has for one optimizer that it runs itself."""

OF_ANY = {"pvdm", "state_dict", "pytorch-lightning_version"}
OF_TRAINING = {"optimizer_states", "lr_schedulers", "loops"}
"""What a checkpoint must hold, to be used and to be gone on with."""

logger = logging.getLogger(__name__)


class CheckedCLI(LightningCLI):
    """Checks what Lightning leaves to chance, and says what it says at length."""

    def init_parser(self, **kwargs: Any) -> LightningArgumentParser:
        self.parser_class, self.save_config_callback = PlainParser, ConfigOfRun
        return super().init_parser(**kwargs)

    def parse_arguments(self, parser: LightningArgumentParser, args: ArgsType) -> None:
        check_configs(args)
        try:
            super().parse_arguments(parser, args)
        except OmegaConfBaseException as error:
            key = f" of {error.full_key}" if error.full_key else ""
            reason = one_line(str(error).splitlines()[0])
            raise InputError(f"a value{key} cannot be resolved ({reason})", "write the value itself") from error
        check_range(0, 2**32 - 1, seed_everything=self.config[self.config.subcommand].seed_everything)

    def _parse_ckpt_path(self) -> None:
        """Lightning looks here for hyperparameters, which ours have none of; instead, a wrong file is said at once."""
        path = self.config[self.config.subcommand].get("ckpt_path")
        if path and Path(path).is_file():
            check_checkpoint(Path(path), to_go_on=self.config.subcommand == "fit")

    def instantiate_classes(self) -> None:
        with _trainer_refusals_told():
            super().instantiate_classes()

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        config = self._get(self.config_init, "trainer")
        _check_trainer(config, is_automatic=self._get(self.config_init, "model").automatic_optimization)
        self.run_folder = RunFolder(Path(config.get("default_root_dir") or "."))
        try:
            trainer = super().instantiate_trainer(**kwargs)
        except (MisconfigurationException, ModuleNotFoundError, TypeError, ValueError) as error:
            raise InputError(
                f"the trainer cannot be set up: {one_line(error).rstrip('.!')}",
                "see trainer in pvdm fit --help, where --trainer.accelerator auto and --trainer.devices auto "
                "take what this machine has",
            ) from error
        return trainer

    def _run_subcommand(self, subcommand: str) -> None:
        try:
            self.run_folder.check_writable()
            with _failing_logs_told(), _trainer_refusals_told():
                super()._run_subcommand(subcommand)
        except REFUSALS as error:
            if sentence(error) and not self._has_begun():
                self._clear()
            raise

    def _has_begun(self) -> bool:
        return any(isinstance(callback, ConfigOfRun) and callback.already_saved for callback in self.trainer.callbacks)

    def _clear(self) -> None:
        """Closes the logs and deletes what the run has left, once for all processes."""
        if self.trainer.is_global_zero:
            for made in self.trainer.loggers:
                made.finalize("failed")
            self.run_folder.clear()


def check_checkpoint(path: Path, *, to_go_on: bool) -> None:
    """InputError unless the file is a checkpoint of ours, and, `to_go_on`, one with what training goes on from."""
    content = read_pickle(path, mapped=True)
    found = content.keys()
    if not found >= OF_ANY:
        raise InputError(f"{path} is not a checkpoint of pvdm fit", "give another as --ckpt_path")
    checked(content["pvdm"], path)
    if to_go_on and not found >= OF_TRAINING:
        missing = min(OF_TRAINING - found)
        raise InputError(f"{path} holds a model and nothing to go on from (no {missing})", "leave out --ckpt_path")


def _check_trainer(config: Any, *, is_automatic: bool) -> None:
    """InputError for values that Lightning takes and that break training later, or spoil it."""
    _check_strategy(config.get("strategy"))
    precision = config.get("precision")
    allowed = PRECISIONS | (SCALED_PRECISIONS if is_automatic else set())
    if (None if precision is None else str(precision)) not in allowed:
        names = ", ".join(sorted(filter(None, allowed)))
        raise InputError(
            f"trainer.precision is {precision}, which this stage cannot be trained in",
            f"choose one of {names}",
        )
    interval = config.get("val_check_interval")
    if isinstance(interval, (int, float)) and interval <= 0:
        raise InputError(
            f"trainer.val_check_interval is {interval}",
            "give a number of batches, or a share of an epoch above 0",
        )
    check_range(0, gradient_clip_val=config.get("gradient_clip_val"), log_every_n_steps=config.get("log_every_n_steps"))


def _check_strategy(strategy: Any) -> None:
    """InputError for those that divide weights in ways of their own, whose checkpoints are not ours."""
    name = strategy if isinstance(strategy, str) else type(strategy).__name__
    if name.lower().startswith(("fsdp", "deepspeed", "modelparallel")):
        raise InputError(
            f"trainer.strategy is {name}, whose checkpoints cannot be gone on with here",
            "give ddp, or for stage 2 -c configs/strategies/fsdp.yaml",
        )


@contextmanager
def _trainer_refusals_told() -> Iterator[None]:
    """InputError for Lightning's word on options that do not go together, or not with this machine or these data."""
    try:
        yield
    except MisconfigurationException as error:
        text = f"the trainer cannot do that: {one_line(error)}; see pvdm fit --help for its options"
        raise InputError(text) from error
    except ValueError as error:
        if "val_check_interval" not in str(error):  # found too large when the data are there
            raise
        raise InputError(one_line(error).replace("`", "")) from error


@contextmanager
def _failing_logs_told() -> Iterator[None]:
    """TensorBoard writes in a thread of its own: what the system refuses it is a line, not a traceback."""
    before = threading.excepthook

    def tell(thread: threading.ExceptHookArgs) -> None:
        if thread.exc_value is not None and isinstance(thread.exc_value, OSError) and sentence(thread.exc_value):
            logger.warning("the logs cannot be written (%s)", thread.exc_value.strerror)
        else:
            before(thread)

    threading.excepthook = tell
    try:
        yield
    finally:
        threading.excepthook = before
