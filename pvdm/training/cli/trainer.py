"""Lightning's Trainer, told apart what is a number of batches and what is a share of them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytorch_lightning


class Trainer(pytorch_lightning.Trainer):
    """As Lightning's: of the options named here a whole number counts batches, and a fraction is a share of them.

    So 1 is one batch and 1.0 is all. Lightning declares the same types as `Union[int, float]`, which Python may hand
    out as the equal `Union[float, int]` of an earlier caller; the command line then reads 1 as 1.0.
    """

    def __init__(
        self,
        *,
        limit_train_batches: int | float | None = None,
        limit_val_batches: int | float | None = None,
        limit_test_batches: int | float | None = None,
        limit_predict_batches: int | float | None = None,
        overfit_batches: int | float = 0.0,
        val_check_interval: int | float | str | timedelta | dict[str, int] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(
            limit_train_batches=limit_train_batches,
            limit_val_batches=limit_val_batches,
            limit_test_batches=limit_test_batches,
            limit_predict_batches=limit_predict_batches,
            overfit_batches=overfit_batches,
            val_check_interval=val_check_interval,
            **options,
        )
