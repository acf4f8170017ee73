"""LPIPS on video frames, its VGG weights found on disk or downloaded once, by digest."""

from __future__ import annotations

import hashlib
import os
import pickle
import warnings
from pathlib import Path
from urllib.error import URLError

import torch
from torch import Tensor, nn
from torch.hub import download_url_to_file, get_dir

from pvdm.errors import InputError

VGG_URL = "https://download.pytorch.org/models/vgg16-397923af.pth"
VGG_DIGEST = "397923af"
"""First hexadecimal digits of the file's SHA-256, as torchvision publishes it."""


class PerceptualDistance:
    """LPIPS (Zhang et al. 2018, arXiv 1801.03924) with VGG-16; frozen, and no part of any checkpoint.

    Args:
        vgg_weights: torchvision's `vgg16-397923af.pth`; None downloads it once into torch's cache.
    """

    def __init__(self, vgg_weights: str | Path | None = None) -> None:
        path = Path(vgg_weights) if vgg_weights else downloaded_vgg()
        from lpips import LPIPS  # imports torchvision, slowly; only this class needs it

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torchvision's arguments that lpips still uses
            network = LPIPS(net="vgg", pnet_rand=True, verbose=False)
        _load_vgg(network.net, path)
        self._network = network.eval().requires_grad_(False)

    def __call__(self, found: Tensor, wanted: Tensor) -> Tensor:
        """Frames (n, 3, h, w), float in [-1, 1] -> mean distance, a scalar."""
        self._network.to(found.device)
        return self._network(found.float(), wanted.float()).mean()


def downloaded_vgg() -> Path:
    """The VGG-16 file in torch's cache, fetched if absent and checked; InputError says what to do if it cannot be."""
    path = Path(get_dir()) / "checkpoints" / Path(VGG_URL).name
    if path.is_file():
        return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        download_url_to_file(VGG_URL, os.fspath(path), hash_prefix=VGG_DIGEST, progress=False)
    except (URLError, OSError, RuntimeError) as error:
        raise InputError(
            f"LPIPS needs the VGG-16 weights and {VGG_URL} cannot be fetched ({error}); place the file at {path}, "
            "give its path as model.vgg_weights, or train without it (model.lpips_weight 0)"
        ) from error
    return path


def _load_vgg(network: nn.Module, path: Path) -> None:
    """Fills LPIPS's five slices, which keep torchvision's layer numbers, from torchvision's file."""
    state = _checked_vgg(path)
    wanted = network.state_dict()
    values = {name: state.get(f"features.{name.split('.', 1)[1]}") for name in wanted}
    wrong = [name for name, value in values.items() if value is None or value.shape != wanted[name].shape]
    if wrong:
        raise InputError(f"{path} does not hold torchvision's VGG-16 ({wrong[0]} is absent); fetch {VGG_URL}")
    network.load_state_dict(values)


def _checked_vgg(path: Path) -> dict[str, Tensor]:
    """The state dict in the file; InputError if absent or damaged, or under the known name with another digest."""
    if not path.is_file():
        raise InputError(f"there is no file {path} with VGG-16 weights; fetch {VGG_URL} or train with lpips_weight 0")
    if path.name == Path(VGG_URL).name and not _sha256(path).startswith(VGG_DIGEST):
        raise InputError(f"{path} is damaged (its SHA-256 should begin {VGG_DIGEST}); delete it and fetch {VGG_URL}")
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise InputError(f"{path} cannot be read as weights; fetch {VGG_URL}") from error


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
