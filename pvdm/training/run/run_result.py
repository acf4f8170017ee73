"""The result of a run: its best model, and whether anything is left to train."""

from __future__ import annotations

import logging
from pathlib import Path

from pytorch_lightning import LightningModule, Trainer

from pvdm.runtime.energy.meter import Energy
from pvdm.training.callbacks.energy_use import EnergyUse
from pvdm.training.callbacks.generalization_gap import GeneralizationGap
from pvdm.training.callbacks.throughput import TrainingTime
from pvdm.training.gan.guard import BEST as BEST_GAN
from pvdm.training.run.checkpoints import LAST, RunCheckpoints

UNITS = {"hours": 3600, "minutes": 60, "s": 1}
logger = logging.getLogger(__name__)


def tell_result(trainer: Trainer, module: LightningModule, run: Path, *, has_trained: bool) -> Path | None:
    """Logs the result of the run in the folder `run`, as the user named it -> the checkpoint to use next.

    has_trained: whether this call made updates; else the run was finished before, and the log says how to extend it.
    """
    if has_trained:
        logger.info("the run ends after %d updates%s", module.updates, _training_time(trainer))
        if energy := _energy(trainer):
            logger.info("energy of the training: %s", energy)
    else:
        logger.info("the run in %s is finished: %s", run, _how_to_train_on(trainer, module))
    best, figure = _best(trainer, run)
    last = run / LAST if (run / LAST).is_file() else None
    if best:
        logger.info("best model: %s%s", best, figure)
    elif last:
        logger.info("no validation was made; newest model: %s", last)
    if advised := _advice(trainer, module):
        logger.info("%s", advised)
    if (run / BEST_GAN).is_file():
        logger.info("best model of the GAN phase: %s", run / BEST_GAN)
    return best or last


def _advice(trainer: Trainer, module: LightningModule) -> str | None:
    gap = next((callback for callback in trainer.callbacks if isinstance(callback, GeneralizationGap)), None)
    return gap and gap.advice(module)


def _training_time(trainer: Trainer) -> str:
    """The training time over all interruptions, in a suitable unit."""
    timer = next((callback for callback in trainer.callbacks if isinstance(callback, TrainingTime)), None)
    if timer is None:
        return ""
    unit, size = next((unit, size) for unit, size in UNITS.items() if timer.seconds >= size or unit == "s")
    return f" and {timer.seconds / size:.3g} {unit} of training"


def _energy(trainer: Trainer) -> Energy | None:
    """Over all interruptions."""
    return next((callback.energy for callback in trainer.callbacks if isinstance(callback, EnergyUse)), None)


def _best(trainer: Trainer, run: Path) -> tuple[Path | None, str]:
    """The best checkpoint, and its metric in brackets."""
    chosen = next(callback for callback in trainer.callbacks if isinstance(callback, RunCheckpoints))
    best = Path(chosen.best_model_path)
    if not best.is_file():
        return None, ""
    here = run / LAST.with_name(best.name)
    figure = "" if chosen.best_model_score is None else f" ({chosen.monitor} {float(chosen.best_model_score):.4g})"
    return here if here.is_file() and here.samefile(best) else best, figure


def _how_to_train_on(trainer: Trainer, module: LightningModule) -> str:
    steps = 0 < trainer.max_steps <= trainer.global_step
    option = "--trainer.max_steps" if steps else "--trainer.max_epochs"
    schedule = ""
    if module.optimizer_config.cosine_steps is not None:
        schedule = " and --model.optimizer.cosine_steps, at which the learning rate is 0"
    return f"it has made its {module.updates} updates; to train it further, raise {option}{schedule}"
