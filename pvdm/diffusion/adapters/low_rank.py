"""Low-rank adapters: small changes of the layers of a network, LoRA (Hu et al. 2021, arXiv 2106.09685)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.hooks import RemovableHandle

from pvdm.errors import ArgumentError, InputError

Layer = nn.Linear | nn.Conv2d

UP, DOWN = "up", "down"


@dataclass(frozen=True)
class AdapterConfig:
    """Sizes of an adapter.

    Args:
        rank: Rank of the change of each layer's weights.
        alpha: The change is scaled by alpha / rank, so that another rank learns as fast.
        targets: Last parts of the names of the layers to change, linear ones and 1x1 convolutions; those of attention
            and of the MLP are `qkv` and `out`, `up` and `down`.
    """

    rank: int = 8
    alpha: float = 8.0
    targets: tuple[str, ...] = ("qkv", "out", "up", "down")

    def __post_init__(self) -> None:
        object.__setattr__(self, "targets", tuple(self.targets))
        if self.rank < 1:
            raise ArgumentError(f"rank is {self.rank}", "it must be at least 1", option="rank")
        if not (math.isfinite(self.alpha) and self.alpha > 0):
            raise ArgumentError(f"alpha is {self.alpha}", "it must be above 0", option="alpha")
        if not self.targets:
            raise ArgumentError("targets are empty", "name layers, such as qkv and out", option="targets")

    @property
    def scale(self) -> float:
        """Factor of the product of the two matrices."""
        return self.alpha / self.rank


class LowRankAdapter(nn.Module):
    """Two matrices for each target layer of a network; W x becomes W x + scale * up down x, sec. 4.1.

    A new adapter changes nothing, as all `up` are zeros. Its parameters are its own: the network and its names stay
    as they are. ArgumentError if the network has no such layer.
    """

    def __init__(self, network: nn.Module, config: AdapterConfig) -> None:
        super().__init__()
        self.config = config
        layers = target_layers(network, config.targets)
        if not layers:
            remedy = "name layers of the denoiser, such as qkv and out"
            raise ArgumentError(f"no layer is called {' or '.join(config.targets)}", remedy, option="targets")
        self.up, self.down = nn.ParameterDict(), nn.ParameterDict()
        for name, layer in layers.items():
            outputs, inputs = layer.weight.shape[:2]
            bound = inputs**-0.5
            self.down[_key(name)] = nn.Parameter(torch.empty(config.rank, inputs).uniform_(-bound, bound))
            self.up[_key(name)] = nn.Parameter(torch.zeros(outputs, config.rank))

    def attach(self, network: nn.Module) -> list[RemovableHandle]:
        """Changes what the layers of the network give from now on, until `remove()` of the handles; for training."""
        layers = target_layers(network, self.config.targets)
        return [layer.register_forward_hook(partial(self._changed, _key(name))) for name, layer in layers.items()]

    def tensors(self) -> dict[str, Tensor]:
        """The matrices by the names of their layers: `NAME.up` (outputs, rank) and `NAME.down` (rank, inputs)."""
        return named_by_layer(self.state_dict())

    def _changed(self, key: str, layer: Layer, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        """The output of a layer with that of the adapter."""
        up, down = self.up[key], self.down[key]
        if isinstance(layer, nn.Conv2d):
            change = functional.conv2d(functional.conv2d(inputs[0], down[..., None, None]), up[..., None, None])
        else:
            change = functional.linear(functional.linear(inputs[0], down), up)
        return output + self.config.scale * change


@torch.no_grad()
def merge(network: nn.Module, tensors: Mapping[str, Tensor], config: AdapterConfig, weight: float = 1.0) -> None:
    """Adds an adapter to the weights of a network, so that it costs no time: W + weight * scale * up down.

    Several adapters add up, and the same with the negative weight takes it back, up to rounding. The tensors are those
    of `LowRankAdapter.tensors`; InputError, and nothing is changed, unless they fit the network.
    """
    layers = dict(network.named_modules())
    names = sorted({name.rpartition(".")[0] for name in tensors})
    for name in names:
        _check(layers.get(name), tensors, name)
    for name in names:
        layers[name].weight.copy_(changed(layers[name].weight, tensors, name, weight * config.scale))


def changed(values: Tensor, tensors: Mapping[str, Tensor], name: str, scale: float) -> Tensor:
    """The weights of a layer with those of an adapter, float32, like `values`."""
    up, down = (tensors[f"{name}.{part}"].to(values.device, torch.float32) for part in (UP, DOWN))
    return values.float() + scale * (up @ down).view_as(values)


def named_by_layer(state: Mapping[str, Tensor], prefix: str = "") -> dict[str, Tensor]:
    """The `state_dict` of an adapter, or what begins with a prefix of another, as `LowRankAdapter.tensors` names it."""
    own = {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
    parts = ((*name.split(".", 1), value) for name, value in own.items())
    return {f"{_name(key)}.{part}": value for part, key, value in parts}


def target_layers(network: nn.Module, targets: Sequence[str]) -> dict[str, Layer]:
    """The layers whose names end in one of the targets, in the network's order."""
    named = (item for item in network.named_modules() if item[0].rpartition(".")[2] in targets)
    return {name: layer for name, layer in named if _can_change(layer)}


def _can_change(layer: nn.Module | None) -> bool:
    if isinstance(layer, nn.Conv2d):
        return layer.kernel_size == layer.stride == (1, 1) and layer.groups == 1
    return isinstance(layer, nn.Linear)


def _check(layer: nn.Module | None, tensors: Mapping[str, Tensor], name: str) -> None:
    """InputError unless both matrices of a layer are there and fit it."""
    up, down = (tensors.get(f"{name}.{part}") for part in (UP, DOWN))
    remedy = "give the model that the adapter was trained for"
    if not _can_change(layer):
        raise InputError(f"the adapter changes {name}, which the denoiser does not have", remedy)
    outputs, inputs = layer.weight.shape[:2]
    shapes = [None if value is None else tuple(value.shape) for value in (up, down)]
    if None in shapes or shapes[0][0] != outputs or shapes[1][1] != inputs or shapes[0][1] != shapes[1][0]:
        raise InputError(f"the adapter's {name} is {shapes}, and the layer has {outputs} x {inputs} weights", remedy)


def _key(name: str) -> str:
    """A layer's name as that of a parameter, which may have no dots."""
    return name.replace(".", "/")


def _name(key: str) -> str:
    return key.replace("/", ".")
