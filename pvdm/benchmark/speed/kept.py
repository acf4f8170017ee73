"""What a network keeps for the backward pass under a setting of activation checkpointing, and what that costs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from pvdm.benchmark.speed.saved_tensors import SavedBytes, imagined
from pvdm.runtime.recomputation import chosen, set_activation_checkpointing

Setting = bool | Sequence[str]
Make = Callable[[], nn.Module]
Run = Callable[[Any, int], Any]
"""Of a network and a number of clips."""


@dataclass(frozen=True)
class Kept:
    """Bytes that autograd keeps for the backward pass.

    Args:
        per_clip: Of each clip more in the batch.
        fixed: Whatever the batch: copies of weights in bfloat16.
    """

    per_clip: int
    fixed: int


@dataclass(frozen=True)
class Trade:
    """A setting of activation checkpointing.

    Args:
        kept: From the forward to the backward pass.
        largest_part: What the part that keeps most keeps while it is computed again, bytes per clip.
        flops_again: Operations that are computed again, as a share of the forward and backward pass.
    """

    kept: Kept
    largest_part: int
    flops_again: float


def kept(make: Make, run: Run, setting: Setting = False, *, bf16: bool = True) -> Kept:
    """By the difference between a batch of two and of one; the network is made anew, and without values."""
    with imagined(bf16=bf16):
        network = make().train()
        if setting is not False:
            set_activation_checkpointing(network, setting)
        one, two = (_saved(run, network, batch) for batch in (1, 2))
    return Kept(per_clip=two - one, fixed=2 * one - two)


def trades(make: Make, run: Run, settings: Iterable[Setting], *, bf16: bool = True) -> dict[str, Trade]:
    """What is kept, and what that costs, for each setting by its name."""
    found, plain = {}, _flops(make, run, False)
    for setting in settings:
        again = _flops(make, run, setting) / plain - 1 if setting is not False else 0.0
        part = _largest_part(make, run, setting, bf16=bf16)
        found[setting_name(setting)] = Trade(kept(make, run, setting, bf16=bf16), part, again)
    return found


def setting_name(setting: Setting) -> str:
    """As in a report: true, false, or kinds."""
    return str(setting).lower() if isinstance(setting, bool) else "+".join(setting)


def _saved(run: Run, network: nn.Module, batch: int) -> int:
    with SavedBytes([*network.parameters(), *network.buffers()]) as saved:
        run(network, batch)
    return saved.total


def _largest_part(make: Make, run: Run, setting: Setting, *, bf16: bool) -> int:
    """In a batch of one, copies of weights included."""
    if setting is False:
        return 0
    with imagined(bf16=bf16):
        network, sizes, before = make().train(), [], []
        with SavedBytes([*network.parameters(), *network.buffers()]) as saved:
            for part in chosen(network, setting):
                part.register_forward_pre_hook(lambda *_: before.append(saved.total))
                part.register_forward_hook(lambda *_: sizes.append(saved.total - before.pop()))
            run(network, 1)
    return max(sizes, default=0)


def _flops(make: Make, run: Run, setting: Setting) -> int:
    """Of one clip forward and back, what is computed again included; attention as products, which are counted."""
    with FakeTensorMode(), sdpa_kernel(SDPBackend.MATH):
        network = make().train()
        set_activation_checkpointing(network, setting)
        with FlopCounterMode(display=False) as counter:
            run(network, 1).mean().backward()
    return counter.get_total_flops()
