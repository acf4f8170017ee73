"""Heads that rate how a picture looks by its CLIP embedding, such as LAION's."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open
from torch import Tensor

from pvdm.errors import InputError

NUMBER = re.compile(r"\d+")
REMEDY = "give a safetensors file of linear layers from the embedding to one rating"


@dataclass(frozen=True)
class AestheticHead:
    """Linear layers: weights (out, in) and biases (out,) in their order, with ReLU between them or nothing."""

    layers: tuple[tuple[Tensor, Tensor], ...]
    relu: bool

    def __call__(self, embeddings: Tensor) -> Tensor:
        """Embeddings of length 1, (n, width) -> ratings (n,)."""
        for place, (weight, bias) in enumerate(self.layers):
            embeddings = (embeddings.relu() if self.relu and place else embeddings) @ weight.T + bias
        return embeddings[:, 0]


def load_head(path: Path, width: int) -> AestheticHead:
    """The head in a safetensors file: `weight` and `bias`, or `layers.0.weight`, `layers.2.weight`, ... as LAION's.

    LAION's layers have nothing between them; metadata `{"activation": "relu"}` says that others have. InputError unless
    they lead from an embedding of this width to one number.
    """
    try:
        with safe_open(path, "pt") as file:
            tensors = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
            activation = (file.metadata() or {}).get("activation", "none")
    except (OSError, SafetensorError) as error:
        raise InputError(f"{path} is no safetensors file", REMEDY, option="aesthetic_head") from error
    if activation not in ("none", "relu"):
        raise InputError(
            f"{path} names the activation {activation}", "none and relu are known", option="aesthetic_head"
        )
    names = sorted((name[:-6] for name in tensors if name.endswith("weight")), key=_order)
    layers = tuple((tensors[f"{name}weight"], tensors.get(f"{name}bias")) for name in names)
    layers = tuple((weight, weight.new_zeros(len(weight)) if bias is None else bias) for weight, bias in layers)
    _check(path, layers, width)
    return AestheticHead(layers, activation == "relu")


def _check(path: Path, layers: tuple[tuple[Tensor, Tensor], ...], width: int) -> None:
    for weight, bias in layers:
        if weight.ndim != 2 or weight.shape[1] != width or bias.shape != weight.shape[:1]:
            problem = f"{path} has a layer of {list(weight.shape)} where one of {width} inputs is needed"
            raise InputError(problem, REMEDY, option="aesthetic_head")
        width = len(weight)
    if not layers or width != 1:
        raise InputError(f"{path} does not end in one rating", REMEDY, option="aesthetic_head")


def _order(name: str) -> list[int]:
    return [int(number) for number in NUMBER.findall(name)]
