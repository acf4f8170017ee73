"""Activation checkpointing: which parts of a network are recomputed in the backward pass instead of stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Protocol

import torch
from torch import nn
from torch.utils._pytree import tree_flatten, tree_unflatten
from torch.utils.checkpoint import checkpoint

from pvdm.errors import InputError


class Recomputable(Protocol):
    """A network that lists what can be recomputed."""

    def regions(self) -> list[nn.Module]:
        """Its repeated parts, each of which can be recomputed as a whole."""

    def recomputable(self) -> Mapping[str, Sequence[nn.Module]]:
        """Modules by the name of their kind; no module contains another one listed here."""


def set_activation_checkpointing(network: Recomputable, setting: bool | str | Sequence[str]) -> None:
    """Chooses what is recomputed in training.

    It replaces `forward`, so that compilation and sharding, which wrap a module from outside, wrap this, too.

    Args:
        network: The setting has an effect in training mode only.
        setting: False stores everything. True recomputes each region as a whole: the least memory, the most work. Names
            of `network.recomputable()` recompute only these kinds; InputError for another name.
    """
    kinds = network.recomputable()
    for module in [*network.regions(), *(module for modules in kinds.values() for module in modules)]:
        vars(module).pop("forward", None)
    for module in chosen(network, setting):
        module.forward = partial(_recomputed, module)


def chosen(network: Recomputable, setting: bool | str | Sequence[str]) -> list[nn.Module]:
    """The modules that a setting of `set_activation_checkpointing` recomputes."""
    if isinstance(setting, bool):
        return network.regions() if setting else []
    kinds, names = network.recomputable(), [setting] if isinstance(setting, str) else list(setting)
    for name in names:
        if name not in kinds:
            raise InputError(
                f"activation_checkpointing names {name!r}",
                f"give true, false or a list of {', '.join(kinds)}",
            )
    return [module for name in names for module in kinds[name]]


def _recomputed(module: nn.Module, *args: Any, **options: Any) -> Any:
    forward = partial(type(module).forward, module)
    if not (module.training and torch.is_grad_enabled()):
        return forward(*args, **options)
    tensors, structure = tree_flatten((args, options))  # autograd does not see the tensors within a triplane

    def on_tensors(*tensors: Any) -> Any:
        args, options = tree_unflatten(tensors, structure)
        return forward(*args, **options)

    return checkpoint(on_tensors, *tensors, use_reentrant=False, preserve_rng_state=_draws(module))


def _draws(module: nn.Module) -> bool:
    """Whether it has active dropout, which must repeat its random numbers; saving the generator's state costs time."""
    return any(isinstance(part, nn.Dropout) and part.p > 0 for part in module.modules())
