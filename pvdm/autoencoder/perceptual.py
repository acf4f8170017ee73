"""LPIPS on video frames, its VGG weights found on disk or downloaded once, by digest."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

from torch import Tensor, nn

from pvdm.errors import InputError
from pvdm.files.pickles import read_pickle
from pvdm.files.weights import WeightsFile

VGG = WeightsFile(
    name="vgg16-397923af.pth",
    url="https://download.pytorch.org/models/vgg16-397923af.pth",
    sha256="397923af",  # as torchvision publishes it
    remedy="give its path as model.vgg_weights, or train without LPIPS (model.lpips_weight 0)",
)


class PerceptualDistance:
    """LPIPS (Zhang et al. 2018, arXiv 1801.03924) with VGG-16; frozen, and not part of checkpoints.

    Args:
        vgg_weights: torchvision's `vgg16-397923af.pth`; None downloads it once into torch's cache.
    """

    def __init__(self, vgg_weights: str | Path | None = None) -> None:
        self._path = path = VGG.path(vgg_weights)
        state = read_pickle(path, remedy=f"fetch {VGG.url}")
        self._network = untrained_lpips()
        _load_vgg(self._network.net, state, path)

    def __call__(self, found: Tensor, wanted: Tensor) -> Tensor:
        """Frames (n, 3, h, w), float in [-1, 1] -> mean distance, a scalar."""
        return self.per_frame(found, wanted).mean()

    def per_frame(self, found: Tensor, wanted: Tensor) -> Tensor:
        """Frames (n, 3, h, w), float in [-1, 1] -> the distance of each pair (n,)."""
        self._network.to(found.device)
        return self._network(found.float(), wanted.float()).flatten()

    @cached_property
    def record(self) -> dict[str, str | None]:
        """The record for results: file (its name), sha256, url."""
        return VGG.record(self._path)


def untrained_lpips() -> nn.Module:
    """The `lpips` package's network, frozen, with a random VGG-16: costs as much as LPIPS, for benchmarks."""
    from lpips import LPIPS  # imports torchvision, slowly; only this function needs it

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torchvision's arguments that lpips still uses
        network = LPIPS(net="vgg", pnet_rand=True, verbose=False)
    return network.eval().requires_grad_(False)


def _load_vgg(network: nn.Module, state: Mapping[str, Tensor], path: Path) -> None:
    """Fills LPIPS's five slices, which keep torchvision's layer numbers, from torchvision's file."""
    values = {}
    for name, wanted in network.state_dict().items():
        theirs = f"features.{name.split('.', 1)[1]}"
        if getattr(state.get(theirs), "shape", None) != wanted.shape:
            raise InputError(f"{path} does not hold torchvision's VGG-16 (no {theirs} of its size)", f"fetch {VGG.url}")
        values[name] = state[theirs]
    network.load_state_dict(values)
