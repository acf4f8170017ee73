"""The optimizer and the schedule of its learning rate, for both stages."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor, nn
from torch.distributed.tensor import DTensor
from torch.nn.utils import clip_grad_norm_
from torch.optim import Adam, AdamW, Optimizer, RMSprop
from torch.optim.lr_scheduler import LambdaLR

from pvdm.errors import InputError, check_range
from pvdm.runtime.muon import Muon

OPTIMIZERS = {"adamw": AdamW, "adam": Adam, "rmsprop": RMSprop, "muon": Muon}
NAMES = {"lr": "learning_rate", "weight_decay": "weight_decay", "betas": "betas", "alpha": "betas[1]"}
"""The configuration's names of the entries of PyTorch's parameter groups."""

FUSED, FUSED_DEVICES = {"adamw", "adam", "muon"}, {"cpu", "cuda"}

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class OptimizerConfig:
    """The optimizer and its learning rate, which rises linearly, then stays constant or falls.

    "adamw" (Loshchilov & Hutter 2019, arXiv 1711.05101), "adam" (Kingma & Ba 2015, arXiv 1412.6980), "muon" (Jordan
    et al. 2024) for matrices and convolutions with AdamW for all else, at one learning rate, or "rmsprop" (Tieleman &
    Hinton 2012), whose mean square decays by the second of the betas, without momentum. RMSprop does not correct the
    bias of that mean, which starts at 0: its first updates are up to sqrt(1 / (1 - beta)) times as large.

    Args:
        learning_rate: Learning rate after the warm-up.
        warmup_steps: Updates over which the learning rate rises from 0.
        cosine_steps: Update at which the learning rate has fallen to 0 along a half cosine; constant by default.
        betas: Decay rates of the two moments; rmsprop uses only the second, and muon uses them where AdamW moves.
        weight_decay: For adamw and muon, decoupled decay, times the learning rate; for the others, L2 penalty added to
            the gradient. By default 0.01 for adamw and muon, and 0 for the others.
        name: Optimizer.
    """

    learning_rate: float = 1e-4
    warmup_steps: int = 1000
    cosine_steps: int | None = None
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float | None = None
    name: Literal["adamw", "adam", "rmsprop", "muon"] = "adamw"

    def __post_init__(self) -> None:
        check_range(0, learning_rate=self.learning_rate, warmup_steps=self.warmup_steps, weight_decay=self.weight_decay)
        check_range(1, cosine_steps=self.cosine_steps)
        if self.name not in OPTIMIZERS:
            raise InputError(f"the optimizer is {self.name!r}", f"choose one of {', '.join(OPTIMIZERS)}")
        if len(self.betas) != 2 or not all(0 <= beta < 1 for beta in self.betas):
            raise InputError(f"betas are {list(self.betas)}", "give two values of at least 0 and below 1")

    def optimizer(self, parameters: Iterable[nn.Parameter], *, fused: bool = True) -> Optimizer:
        """The optimizer of these parameters, which must already be on their final device.

        fused: Use the fused kernel where there is one; not possible with a gradient scaler and clipping.
        """
        parameters = list(parameters)
        if self.name == "muon" and any(isinstance(parameter, DTensor) for parameter in parameters):
            raise InputError("muon cannot train a sharded network", "choose adamw, or --trainer.strategy ddp")
        kernel = "fused" if fused and self.name in FUSED and _are_on(FUSED_DEVICES, parameters) else "foreach"
        return OPTIMIZERS[self.name](parameters, **self.group(), **{kernel: True})

    def group(self) -> dict[str, Any]:
        """The entries of PyTorch's parameter groups; `lr` is the rate after the warm-up."""
        decay = self.weight_decay if self.weight_decay is not None else 0.01 if self.name in ("adamw", "muon") else 0.0
        own = {"alpha": self.betas[1]} if self.name == "rmsprop" else {"betas": tuple(self.betas)}
        return {"lr": self.learning_rate, "weight_decay": decay, **own}

    def schedule(self, optimizer: Optimizer) -> LambdaLR:
        """The schedule of the learning rate, to be stepped after each update."""
        return LambdaLR(optimizer, self.factor)

    def factor(self, step: int) -> float:
        """The rate of update `step`, counted from 0, relative to `learning_rate`."""
        rise = min(1.0, (step + 1) / max(1, self.warmup_steps))
        if self.cosine_steps is None:
            return rise
        return rise * 0.5 * (1 + math.cos(math.pi * min(1.0, step / self.cosine_steps)))


def apply_to_saved(config: OptimizerConfig, optimizer: dict[str, Any], schedule: dict[str, Any], *, name: str) -> None:
    """Applies the config to the saved states of an optimizer and its schedule, which would restore the old settings.

    Logs what has changed. InputError if the state belongs to another optimizer. name: The config's key.
    """
    wanted, changed = config.group(), []
    for group in optimizer["param_groups"]:
        if (found := _kind(group)) not in (None, config.name):
            raise InputError(
                f"{name}.name is {found} in the checkpoint and {config.name} in the configuration, which cannot "
                "use its state",
                "make them agree, or start another run (--trainer.default_root_dir) from the checkpoint's "
                "weights (--model.init_from)",
            )
        before = {**group, "lr": group.get("initial_lr", group["lr"])}
        changed = [
            f"{name}.{NAMES[key]} was {_plain(before[key])} and is {_plain(value)}"
            for key, value in wanted.items()
            if _plain(before[key]) != _plain(value)
        ]
        now = wanted["lr"] * config.factor(schedule["last_epoch"])
        group.update(wanted, initial_lr=wanted["lr"], lr=now)
        schedule.update(base_lrs=[wanted["lr"]] * len(optimizer["param_groups"]), _last_lr=[now])
    if changed:
        logger.warning("resuming with changed settings: %s", "; ".join(changed))


def _kind(group: Mapping[str, Any]) -> str | None:
    """Name of the optimizer that saved a parameter group; None if unknown."""
    if "alpha" in group:
        return "rmsprop"
    if "matrices" in group:
        return "muon"
    is_decoupled = group.get("decoupled_weight_decay")
    return None if is_decoupled is None else "adamw" if is_decoupled else "adam"


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _are_on(devices: set[str], parameters: Iterable[nn.Parameter]) -> bool:
    return {parameter.device.type for parameter in parameters} <= devices


def check_clip_norm(clip_norm: float | None) -> None:
    """InputError unless clip_norm is above 0 or None; at 0 nothing would be learned."""
    if clip_norm is not None and not clip_norm > 0:  # nor NaN
        raise InputError(f"clip_norm is {clip_norm}", "give a value above 0, or null for no clipping")


def clip_gradient(parameters: Iterable[nn.Parameter], clip_norm: float | None) -> Tensor:
    """Clips the gradient to `clip_norm` unless that is None; returns its norm before clipping, a scalar."""
    return clip_grad_norm_(parameters, math.inf if clip_norm is None else clip_norm)
