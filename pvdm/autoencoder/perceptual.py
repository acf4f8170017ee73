"""LPIPS on video frames, its VGG weights found on disk or downloaded once, by digest."""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Mapping
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
        state = _checked_vgg(path)
        from lpips import LPIPS  # imports torchvision, slowly; only this class needs it

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torchvision's arguments that lpips still uses
            network = LPIPS(net="vgg", pnet_rand=True, verbose=False)
        _load_vgg(network.net, state, path)
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


def _load_vgg(network: nn.Module, state: Mapping[str, Tensor], path: Path) -> None:
    """Fills LPIPS's five slices, which keep torchvision's layer numbers, from torchvision's file."""
    values = {}
    for name, wanted in network.state_dict().items():
        theirs = f"features.{name.split('.', 1)[1]}"
        if theirs not in state or state[theirs].shape != wanted.shape:
            raise InputError(f"{path} does not hold torchvision's VGG-16 (no {theirs} of its size); fetch {VGG_URL}")
        values[name] = state[theirs]
    network.load_state_dict(values)


def _checked_vgg(path: Path) -> Mapping[str, Tensor]:
    """The state dict in the file; InputError if absent or damaged, or under the known name with another digest."""
    if not path.is_file():
        raise InputError(f"there is no file {path} with VGG-16 weights; fetch {VGG_URL} or train with lpips_weight 0")
    if path.name == Path(VGG_URL).name and not _sha256(path).startswith(VGG_DIGEST):
        raise InputError(f"{path} is damaged (its SHA-256 should begin {VGG_DIGEST}); delete it and fetch {VGG_URL}")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file makes the unpickler raise nearly anything
        raise InputError(f"{path} cannot be read as weights; fetch {VGG_URL}") from error
    if not isinstance(state, Mapping):
        raise InputError(f"{path} holds no weights by their names; fetch {VGG_URL}")
    return state


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
