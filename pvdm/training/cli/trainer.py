"""Lightning's Trainer, with counts and fractions of batches kept apart, checks of its options, and short errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from traceback import walk_tb
from typing import Any

import pytorch_lightning
from pytorch_lightning.utilities.exceptions import MisconfigurationException

from pvdm.errors import InputError, check_range, one_line

PRECISIONS = {None, "32", "32-true", "bf16", "bf16-mixed"}
SCALED_PRECISIONS = {"16", "16-mixed"}
"""Half precision needs a gradient scaler, which Lightning supports only with automatic optimization."""

LIGHTNING = ("pytorch_lightning", "lightning_fabric")


class Trainer(pytorch_lightning.Trainer):
    """Lightning's Trainer; in the options of batches listed here, an integer counts them, and a float is a fraction.

    So 1 is one batch and 1.0 is all. Lightning declares these types as `Union[int, float]`, for which Python may return
    a cached, equal `Union[float, int]`; the command line would then read 1 as 1.0.
    """

    def __init__(
        self,
        *,
        precision: int | str | None = None,
        limit_train_batches: int | float | None = None,
        limit_val_batches: int | float | None = None,
        limit_test_batches: int | float | None = None,
        limit_predict_batches: int | float | None = None,
        overfit_batches: int | float = 0.0,
        val_check_interval: int | float | str | timedelta | dict[str, int] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(
            precision=precision,
            limit_train_batches=limit_train_batches,
            limit_val_batches=limit_val_batches,
            limit_test_batches=limit_test_batches,
            limit_predict_batches=limit_predict_batches,
            overfit_batches=overfit_batches,
            val_check_interval=val_check_interval,
            **options,
        )


def check_trainer(config: Any, *, is_automatic: bool) -> None:
    """InputError for values that Lightning accepts although they break training later."""
    _check_strategy(config.get("strategy"))
    precision = config.get("precision")
    allowed = PRECISIONS | (SCALED_PRECISIONS if is_automatic else set())
    if (None if precision is None else str(precision)) not in allowed:
        names = ", ".join(sorted(filter(None, allowed)))
        raise InputError(
            f"trainer.precision is {precision}, which this stage cannot be trained with",
            f"choose one of {names}",
        )
    interval = config.get("val_check_interval")
    if isinstance(interval, (int, float)) and interval <= 0:
        raise InputError(
            f"trainer.val_check_interval is {interval}",
            "give a number of batches, or a fraction of an epoch above 0",
        )
    check_range(0, gradient_clip_val=config.get("gradient_clip_val"), log_every_n_steps=config.get("log_every_n_steps"))


def _check_strategy(strategy: Any) -> None:
    """InputError for strategies that shard weights and write checkpoints in formats of their own."""
    name = strategy if isinstance(strategy, str) else type(strategy).__name__
    if name.lower().startswith(("fsdp", "deepspeed", "modelparallel")):
        raise InputError(
            f"trainer.strategy is {name}, whose checkpoints cannot be resumed here",
            "give ddp, or for stage 2 -c configs/strategies/fsdp.yaml",
        )


@contextmanager
def lightning_refusals(what: str) -> Iterator[None]:
    """Turns Lightning's refusal of an option into an InputError that begins with `what`; a bug keeps its traceback."""
    try:
        yield
    except (MisconfigurationException, ModuleNotFoundError, TypeError, ValueError) as error:
        if isinstance(error, InputError) or not _is_refusal(error):
            raise
        remedy = "see trainer in pvdm fit --help; accelerator auto and devices auto take what this machine has"
        raise InputError(f"{what}: {one_line(error).rstrip('!')}", remedy) from error


def _is_refusal(error: BaseException) -> bool:
    """Whether Lightning raised it on a user's value: of our functions, only constructors are in the traceback."""
    frames = [frame for frame, _ in walk_tb(error.__traceback__)]
    names = [frame.f_globals.get("__name__", "") for frame in frames]
    ours = [
        name
        for name, frame in zip(names, frames, strict=True)
        if name.startswith("pvdm.") and not name.startswith("pvdm.training.cli.") and frame.f_code.co_name != "__init__"
    ]
    return names[-1].partition(".")[0] in LIGHTNING and not ours
