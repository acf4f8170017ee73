"""`pvdm fit`, `validate`, `test` and `predict`: LightningCLI with this project's links and callbacks."""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from typing import Any

from jsonargparse import Namespace, class_from_function
from lightning_fabric.plugins import CheckpointIO
from lightning_fabric.plugins.environments import ClusterEnvironment, SLURMEnvironment, TorchElasticEnvironment
from pytorch_lightning import Callback, LightningModule
from pytorch_lightning.callbacks import ProgressBar
from pytorch_lightning.cli import LightningArgumentParser
from pytorch_lightning.loggers import TensorBoardLogger
from yaml import YAMLError

from pvdm.cli_parser import TRAINING, example
from pvdm.errors import InputError
from pvdm.runtime.processes import is_lost_process, lost
from pvdm.runtime.signals import ended_by_sigterm
from pvdm.training.callbacks.averaging import AveragedWeights
from pvdm.training.callbacks.early_stopping import EarlyStopping
from pvdm.training.callbacks.energy_use import EnergyUse
from pvdm.training.callbacks.evaluation import Evaluation
from pvdm.training.callbacks.generalization_gap import GeneralizationGap
from pvdm.training.callbacks.prediction import WriteVideos
from pvdm.training.callbacks.progress_bar import RunBar
from pvdm.training.callbacks.throughput import Throughput, TrainingTime
from pvdm.training.callbacks.video_log import VideoLog
from pvdm.training.cli.checked_cli import CheckedCLI
from pvdm.training.cli.config_files import as_configs, find_configs
from pvdm.training.cli.next_command import export_command, sampling_command, stage_2_command
from pvdm.training.cli.quiet_lightning import needless_off
from pvdm.training.cli.trainer import Trainer
from pvdm.training.data import ClipData, data_module
from pvdm.training.gan.guard import AdversaryGuard
from pvdm.training.run.checkpoint_files import CheckpointFiles
from pvdm.training.run.checkpoints import LAST, RunCheckpoints
from pvdm.training.run.exact_resume import ExactResume
from pvdm.training.run.lost_processes import EndWithOthers
from pvdm.training.run.run_result import tell_result
from pvdm.training.run.stop_signals import StopBetweenBatches, Stopped

SIZES = ("frames", "height", "width")
"""Sizes of a clip, which the data give to the autoencoder."""

logger = logging.getLogger(__name__)


class TrainingCLI(CheckedCLI):
    """Each value is set in one place: sizes in `data`, the run's folder in `trainer.default_root_dir`."""

    arguments: Sequence[str] = ()
    """The command line as the user typed it."""

    shows_next = True
    """Whether to log the next command."""

    more_callbacks: Sequence[Callback] = ()
    """Callbacks besides those of every run."""

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        parser.add_lightning_class_args(AveragedWeights, "averaging")
        parser.add_lightning_class_args(AdversaryGuard, "adversary_guard")
        parser.add_lightning_class_args(RunCheckpoints, "checkpoint")
        parser.add_lightning_class_args(WriteVideos, "predictions")
        parser.add_lightning_class_args(VideoLog, "videos")
        parser.add_lightning_class_args(EarlyStopping, "early_stopping")
        parser.add_lightning_class_args(GeneralizationGap, "gap")
        parser.add_lightning_class_args(Evaluation, "evaluation")
        parser.add_lightning_class_args(EnergyUse, "energy")
        parser.set_defaults(
            {
                "checkpoint.filename": "best",
                "checkpoint.save_on_train_epoch_end": False,
                "checkpoint.enable_version_counter": False,
                "trainer.enable_model_summary": False,
                "trainer.num_sanity_val_steps": 0,
                "trainer.use_distributed_sampler": False,
            }
        )
        for size in SIZES:
            parser.link_arguments(f"data.{size}", f"model.init_args.autoencoder.{size}")
        parser.link_arguments("seed_everything", "data.seed", compute_fn=int)

    def setup_parser(self, *arguments: Any) -> None:
        super().setup_parser(*arguments)
        for verb, parser in self._subcommand_parsers.items():
            parser.prog = f"pvdm {verb}"

    def before_instantiate_classes(self) -> None:
        """Links the sizes: jsonargparse does not, where a value may be of one of several classes."""
        config = self.config[self.subcommand]
        autoencoder = config.model.init_args.get("autoencoder")
        if isinstance(autoencoder, Namespace):
            autoencoder.update(Namespace({size: config.data[size] for size in SIZES}))

    def after_instantiate_classes(self) -> None:
        """`fit` resumes from the run's last checkpoint; the other commands use it as the model."""
        config = self.config_init[self.subcommand]
        last = Path(config.trainer.default_root_dir or ".") / LAST
        if config.ckpt_path is None and last.is_file():
            logger.info("resuming from %s", last) if self.subcommand == "fit" else logger.info("model: %s", last)
            config.ckpt_path = str(last)
        elif config.ckpt_path is None and self.subcommand != "fit":
            raise InputError(f"there is no checkpoint {last}", "give one as --ckpt_path, or run pvdm fit first")
        elif config.ckpt_path and not Path(config.ckpt_path).is_file():
            raise InputError(f"there is no checkpoint {config.ckpt_path}", "check --ckpt_path")
        if self.subcommand == "fit" and config.ckpt_path:
            self.model.warm_start, self.model.is_resumed = None, True  # the weights are those of the checkpoint
        config.weights_only = True
        if self.subcommand == "predict":
            config.return_predictions = False  # they are written to files; keeping them would fill the memory

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        if self.subcommand != "fit":
            self.save_config_callback = None  # keeps the config.yaml of the training
        config = self._get(self.config_init, "trainer")
        if config.get("logger") in (None, True):
            kwargs["logger"] = TensorBoardLogger(config.get("default_root_dir") or ".", name="", version="")
        kwargs["plugins"] = _with_default(config.get("plugins"), CheckpointIO, CheckpointFiles)
        if SLURMEnvironment.detect() and not TorchElasticEnvironment.detect():  # job scripts requeue themselves
            slurm = partial(SLURMEnvironment, auto_requeue=False)
            kwargs["plugins"] = _with_default(kwargs["plugins"], ClusterEnvironment, slurm)
        if config.get("enable_progress_bar") in (None, True):
            kwargs["callbacks"] = _with_default(config.get("callbacks"), ProgressBar, RunBar)
        return super().instantiate_trainer(**kwargs)

    def _run_subcommand(self, subcommand: str) -> None:
        """Logs where a run resumes after a second Ctrl-C, which saves nothing."""
        try:
            super()._run_subcommand(subcommand)
        except SystemExit as end:
            last = Path(self.trainer.default_root_dir) / LAST
            if isinstance(end.__context__, KeyboardInterrupt) and subcommand == "fit" and self.trainer.is_global_zero:
                begin = f"resumes from {last}" if last.is_file() else "starts over, because nothing was saved"
                logger.info("the same command %s", begin)
            raise

    def after_fit(self) -> None:
        """Logs the result of the run and the next command."""
        if self.trainer.fast_dev_run or not self.trainer.is_global_zero:
            return
        used = self.config.fit
        run = Path(used.trainer.default_root_dir or ".")
        checkpoint = tell_result(self.trainer, self.model, run, has_trained=self._has_begun())
        if checkpoint is None or not self.shows_next:
            return
        if self.model.generator.denoiser is None:
            with suppress(
                InputError, OSError, YAMLError
            ):  # a config may have been deleted or changed since the run began
                logger.info("next, stage 2:\n%s", stage_2_command(self.arguments, used, checkpoint, self._read))
        else:
            logger.info("to see samples:\n%s", sampling_command(checkpoint, run))
            logger.info("to export the model without the training state:\n%s", export_command(checkpoint, run))

    def _read(self, arguments: Sequence[str]) -> Namespace:
        """As `parsed`, by this command's own parser: building another takes a tenth of a second."""
        return self.parser.parse_args(as_configs(find_configs(["fit", *arguments]))).fit


def parsed(arguments: Sequence[str]) -> Namespace:
    """The configuration that `pvdm fit` reads from these arguments; builds nothing."""
    with needless_off():
        return _cli(_unbuilt("fit"), ["fit", *arguments]).config.fit


def resolved(arguments: Sequence[str]) -> str:
    """The configuration that `pvdm fit` reads from these arguments, as the YAML of a config with all its keys."""
    with needless_off():
        made = _cli(_unbuilt("fit"), ["fit", *arguments])
    return made._parser("fit").dump(made.config.fit, skip_none=False)


def parser_of(verb: str) -> LightningArgumentParser:
    """A command's parser, for documents; the options of a stage depend on model.class_path, see `option_names`."""

    class Unparsed(_unbuilt(verb)):
        def parse_arguments(self, *_: Any) -> None:
            self.config = Namespace({"subcommand": verb, verb: Namespace()})

        def _add_instantiators(self) -> None:
            """Nothing was parsed from which they could be made."""

        before_instantiate_classes = _add_instantiators

    return _cli(Unparsed, [])._subcommand_parsers[verb]


def _unbuilt(verb: str) -> type[TrainingCLI]:
    """The CLI of one command, which builds and runs nothing."""

    class Unbuilt(_only(verb)):
        def instantiate_classes(self) -> None:
            """Builds nothing."""

        after_instantiate_classes = _set_seed = instantiate_classes

        def _run_subcommand(self, subcommand: str) -> None:
            """Runs nothing."""

    return Unbuilt


def main(arguments: Sequence[str], *, shows_next: bool = True, callbacks: Sequence[Callback] = ()) -> None:
    """Runs the Lightning command in arguments[0]; logs a signal and then raises `Stopped`.

    shows_next: Log the next command.
    callbacks: Callbacks besides those of every run.
    """
    kind = _only(arguments[0])
    kind.shows_next, kind.more_callbacks = shows_next, callbacks
    with needless_off():
        stop = _run_until_stopped(kind, arguments)
    gc.collect()  # ends the loaders' workers; the interpreter would wait five seconds for each
    if stop is None:
        return
    if stop.code:
        resume = "; run the same command again to resume" if arguments[0] == "fit" else ""
        logger.error("pvdm: stopped by %s%s", stop.signal.name, resume)
    raise stop


def _run_until_stopped(kind: type[TrainingCLI], arguments: Sequence[str]) -> Stopped | None:
    """Runs a command; returns the exception of a signal without its traceback. Ctrl-C is raised."""
    try:
        with ended_by_sigterm(Stopped):
            _cli(kind, arguments)
    except Stopped as stop:
        stop.__context__ = None
        return stop.with_traceback(None)
    except SystemExit as end:
        if isinstance(end.__context__, KeyboardInterrupt):  # Lightning turns it into exit status 1
            raise end.__context__ from None
        raise
    except RuntimeError as error:
        if not is_lost_process(error):
            raise
        raise lost() from error
    return None


def _cli(kind: type[TrainingCLI], arguments: Sequence[str]) -> TrainingCLI:
    kind.arguments = arguments
    of_every_run = [StopBetweenBatches(), EndWithOthers(), Throughput(), TrainingTime(), ExactResume()]
    return kind(
        LightningModule,
        _data_class(),
        trainer_class=Trainer,
        subclass_mode_model=True,
        seed_everything_default=0,
        trainer_defaults={"callbacks": [*of_every_run, *kind.more_callbacks]},
        save_config_kwargs={"overwrite": True},
        parser_kwargs={"prog": "pvdm", "parser_mode": "omegaconf", "allow_abbrev": False, **_help(kind)},
        args=as_configs(find_configs(arguments)),
    )


@cache
def _data_class() -> type[ClipData]:
    """`data_module` as a class; jsonargparse would look for its caller in the whole stack for each parser."""
    return class_from_function(data_module)


def _with_default(given: Any, kind: type, default: Callable[[], Any]) -> list[Any]:
    """The user's objects (none, one or a list), and the default unless one of them has its type."""
    found = list(given) if isinstance(given, (list, tuple)) else [given] if given else []
    return found if any(isinstance(part, kind) for part in found) else [*found, default()]


def _help(kind: type[TrainingCLI]) -> dict[str, dict[str, str]]:
    """The summary of each command, and its example at the end of the help."""
    return {verb: {"description": TRAINING[verb].summary, "epilog": example(verb)} for verb in kind.subcommands()}


def _only(verb: str) -> type[TrainingCLI]:
    """The CLI of one command: building the parsers of all four takes most of a second."""

    class Only(TrainingCLI):
        @staticmethod
        def subcommands() -> dict[str, set[str]]:
            return {verb: TrainingCLI.subcommands()[verb]}

    return Only
