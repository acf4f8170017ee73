"""Compares the settings of a resumed run with those it had, and logs what has changed."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

SETTINGS = "settings"
"""Key of a checkpoint: the text of the run's `config.yaml`."""

OPTIMIZERS = ("model.optimizer", "model.adversary.optimizer")
KEPT_BY_OPTIMIZERS = ("name", "learning_rate", "weight_decay", "betas")

SAID_ELSEWHERE = (
    *("data.path", "data.layout", "data.split", "data.part", "data.card"),  # by what is found there
    *(f"{optimizer}.{name}" for optimizer in OPTIMIZERS for name in KEPT_BY_OPTIMIZERS),  # by what these do
)
"""Settings whose changes are logged or refused elsewhere, where their meaning is known."""

WITHOUT_EFFECT = (
    *("ckpt_path", "weights_only", "return_predictions", "verbose"),
    *("model.autoencoder", "model.init_from", "model.reinitialize", "model.resize_positions", "model.vgg_weights"),
    *("model.activation_checkpointing", "model.compile", "model.sampler"),
    *("data.workers", "data.prefetch", "data.seed"),
    *("checkpoint", "predictions", "videos", "evaluation", "gap"),
    *("trainer.accelerator", "trainer.strategy", "trainer.devices", "trainer.num_nodes", "trainer.default_root_dir"),
    *("trainer.logger", "trainer.callbacks", "trainer.plugins", "trainer.profiler", "trainer.log_every_n_steps"),
    *("trainer.enable_progress_bar", "trainer.enable_model_summary", "trainer.enable_checkpointing"),
)
"""Settings that do not affect what a run learns, only where, how fast or how visibly it runs; the autoencoder of
stage 2 is compared by its weights."""

logger = logging.getLogger(__name__)


def tell_changes(before: str, now: str) -> None:
    """Logs in one line the changes that affect what is learned; both arguments are texts of a `config.yaml`.

    All changes are applied; those that cannot be were refused before (see "Resume" in docs/usage.md).
    """
    found = [change for change in changes(yaml.safe_load(before), yaml.safe_load(now)) if not _is_left_out(change[0])]
    if found:
        told = "; ".join(f"{name} was {_shown(old)} and is {_shown(new)}" for name, old, new in found)
        logger.warning("resuming with changed settings: %s", told)


def changes(before: Any, now: Any, name: str = "") -> Iterator[tuple[str, Any, Any]]:
    """(name, old, new) of each value that differs, by the names of the command line.

    Keys that only one of them has belong to another version of pvdm, and are ignored.
    """
    if not (isinstance(before, Mapping) and isinstance(now, Mapping)):
        if before != now:
            yield name, before, now
        return
    for key in before:
        if key in now:
            inner = name if key == "init_args" else f"{name}.{key}".lstrip(".")
            yield from changes(before[key], now[key], inner)


def _is_left_out(name: str) -> bool:
    return any(f"{name}.".startswith(f"{known}.") for known in (*SAID_ELSEWHERE, *WITHOUT_EFFECT))


def _shown(value: Any) -> str:
    return "given" if isinstance(value, Mapping) else "not given" if value is None else str(value)
