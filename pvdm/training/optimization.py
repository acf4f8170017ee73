"""AdamW with its learning rate over the updates: what both stages hand to their trainer."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from torch import nn
from torch.optim import AdamW
from torch.optim.lr_scheduler import LambdaLR

from pvdm.errors import check_range


@dataclass(frozen=True)
class OptimizerConfig:
    """AdamW (Loshchilov & Hutter 2019, arXiv 1711.05101); the rate rises linearly, then stays or falls.

    Args:
        learning_rate: After the warm-up.
        warmup_steps: Updates over which the rate rises from 0.
        cosine_steps: Update at which the rate has fallen to 0 along a half cosine; it stays if not given.
        betas: Decay of the two moments.
        weight_decay: Decoupled decay per update, times the learning rate.
    """

    learning_rate: float = 1e-4
    warmup_steps: int = 1000
    cosine_steps: int | None = None
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = 0.01

    def __post_init__(self) -> None:
        check_range(0, learning_rate=self.learning_rate, warmup_steps=self.warmup_steps, weight_decay=self.weight_decay)
        check_range(1, cosine_steps=self.cosine_steps)

    def optimizer(self, parameters: Iterable[nn.Parameter]) -> AdamW:
        """The optimizer of these parameters."""
        return AdamW(
            parameters, lr=self.learning_rate, betas=tuple(self.betas), weight_decay=self.weight_decay, foreach=True
        )

    def schedule(self, optimizer: AdamW) -> LambdaLR:
        """The learning rate as a function of the update, to be stepped after each."""
        return LambdaLR(optimizer, self.factor)

    def factor(self, step: int) -> float:
        """The rate of update `step`, counted from 0, relative to `learning_rate`."""
        rise = min(1.0, (step + 1) / max(1, self.warmup_steps))
        if self.cosine_steps is None:
            return rise
        return rise * 0.5 * (1 + math.cos(math.pi * min(1.0, step / self.cosine_steps)))
