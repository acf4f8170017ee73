"""Frozen networks that turn clips into feature rows: which there are, where their weights are, how they are called."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from pvdm.errors import ArgumentError, InputError
from pvdm.evaluation.features.i3d import CLASSES, I3D, random_i3d
from pvdm.evaluation.features.preprocessing import square
from pvdm.evaluation.features.torchscript import ScriptedNetwork
from pvdm.evaluation.features.videomae import DIMENSIONS, VIDEOMAE, VideoMAE
from pvdm.files.pickles import read_pickle
from pvdm.files.weights import WeightsFile, sha256_of_weights
from pvdm.runtime.precision import full_float32
from pvdm.video.pixels import REMEDY

BY_PATH = "give its path as --detector-path"

I3D_400 = WeightsFile(
    name="i3d_pretrained_400.pt",
    url=None,
    sha256=None,
    remedy="it is the PyTorch port of I3D with 400 logits that PVDM and TATS evaluate with: get it as their code does "
    f"(evals/fvd/download.py of github.com/sihyun-yu/PVDM, tats/fvd of github.com/songweige/TATS) and {BY_PATH}",
)
I3D_TORCHSCRIPT = WeightsFile(
    name="i3d_torchscript.pt",
    url="https://www.dropbox.com/s/ge9e5ujwgetktms/i3d_torchscript.pt?dl=1",
    sha256=None,
    remedy=BY_PATH,
)
C3D_UCF101 = WeightsFile(
    name="c3d_ucf101.pt",
    url="https://www.dropbox.com/s/jxpu7avzdc9n97q/c3d_ucf101.pt?dl=1",
    sha256=None,
    remedy=BY_PATH,
)


class _Network(Protocol):
    """Clips (b, 3, t, h, w) uint8 -> rows (b, d)."""

    def to(self, device: torch.device) -> _Network: ...

    def __call__(self, video: Tensor) -> Tensor: ...


class Detector:
    """A feature network by name: frozen, in evaluation mode, in float32, and no part of any module that holds it.

    name: One of `DETECTORS`; dimensions: width of a feature row; device: where it computes.
    """

    def __init__(self, name: str, network: _Network, *, dimensions: int, record: dict[str, Any]) -> None:
        self.name, self.dimensions = name, dimensions
        self._network, self._record = network, record
        self.device = torch.device("cpu")

    def describe(self) -> dict[str, Any]:
        """What a result records: name, file (its name), sha256 (of the file, or of random weights), url."""
        return {"name": self.name, **self._record}

    def to(self, device: torch.device | str) -> Detector:
        """Moves it to a device, to which it then moves its clips."""
        self.device = torch.device(device)
        self._network = self._network.to(self.device)
        return self

    def __call__(self, video: Tensor) -> Tensor:
        """Clips (b, 3, t, h, w) uint8, any h and w -> features (b, dimensions) float32 on the detector's device.

        Each clip's row is its own. TF32 is not used, so that a GPU gives a CPU's numbers up to rounding.
        """
        if video.dtype != torch.uint8 or video.ndim != 5 or video.shape[1] != 3:
            found = f"{tuple(video.shape)} {video.dtype}"
            raise ArgumentError(f"a detector takes clips (b, 3, t, h, w) in uint8, not {found}: {REMEDY}")
        with torch.no_grad(), full_float32(self.device):
            return self._network(video.to(self.device)).float()


def load_detector(name: str, path: str | Path | None = None, *, device: torch.device | str = "cpu") -> Detector:
    """The detector of this name, one of `DETECTORS`.

    path: Its file of weights; None fetches it on first use where it has an address. `InputError` if there is no such
    detector, no file, or another file than is wanted.
    """
    if name not in DETECTORS:
        raise InputError(f"there is no detector {name}", f"choose one of {', '.join(DETECTORS)}")
    kind = DETECTORS[name]
    if kind.file is None:
        if path is not None:
            raise InputError(f"{name} takes no file, its weights are computed", f"leave out {path}")
        network = kind.load(None)
        record = {"file": None, "sha256": network.digest(), "url": None}
    else:
        path = kind.file.path(path)
        network = kind.load(path)
        record = kind.file.record(path)
    return Detector(name, network, dimensions=kind.dimensions, record=record).to(device)


class _Logits:
    """I3D's logits of square clips of one size."""

    def __init__(self, network: I3D, size: int) -> None:
        self._network, self._size = network.requires_grad_(False), size

    def to(self, device: torch.device) -> _Logits:
        self._network.to(device)
        return self

    def __call__(self, video: Tensor) -> Tensor:
        return self._network(square(video, self._size))

    def digest(self) -> str:
        """SHA-256 of the weights."""
        return sha256_of_weights(self._network)


def _i3d_400(path: Path) -> _Logits:
    """I3D with the released weights, on 224x224."""
    network = I3D()
    _fill(network, read_pickle(path, remedy=I3D_400.remedy), path)
    return _Logits(network, 224)


def _fill(network: nn.Module, state: dict[str, Any], path: Path) -> None:
    for key, wanted in network.state_dict().items():
        if getattr(state.get(key), "shape", None) != wanted.shape:
            raise InputError(f"{path} does not hold I3D (no {key} of size {list(wanted.shape)})", I3D_400.remedy)
    if foreign := state.keys() - network.state_dict().keys():
        raise InputError(f"{path} does not hold I3D alone (it has {min(foreign)})", I3D_400.remedy)
    network.load_state_dict(state)


def _i3d_torchscript(path: Path) -> ScriptedNetwork:
    """StyleGAN-V's port of TensorFlow Hub's I3D: it changes range and size itself, and stretches non-square clips.

    Called as in src/metrics/frechet_video_distance.py of github.com/universome/stylegan-v.
    """
    options = {"rescale": True, "resize": True, "return_features": True}
    return _scripted(path, I3D_TORCHSCRIPT, options=options, width=CLASSES)


def _c3d_ucf101(path: Path) -> ScriptedNetwork:
    """StyleGAN-V's port of TGANv2's C3D, which ends in a softmax over the 101 classes.

    Called as in src/metrics/video_inception_score.py of github.com/universome/stylegan-v.
    """
    return _scripted(path, C3D_UCF101, options={}, width=101)


def _scripted(path: Path, file: WeightsFile, *, options: dict[str, bool], width: int) -> ScriptedNetwork:
    remedy = "delete it to have it fetched again" if path == file.cached else f"fetch {file.url} or {file.remedy}"
    return ScriptedNetwork(path, file.name, options=options, width=width, remedy=remedy)


@dataclass(frozen=True)
class _Kind:
    """Width of its rows, its file if it has one, and what makes the network of it."""

    dimensions: int
    file: WeightsFile | None
    load: Callable[[Path | None], _Network]


DETECTORS: dict[str, _Kind] = {
    "i3d-400": _Kind(CLASSES, I3D_400, _i3d_400),
    "i3d-torchscript": _Kind(CLASSES, I3D_TORCHSCRIPT, _i3d_torchscript),
    "i3d-random": _Kind(CLASSES, None, lambda _: _Logits(random_i3d(), 112)),
    "c3d-ucf101": _Kind(101, C3D_UCF101, _c3d_ucf101),
    "videomae-v2-ssv2": _Kind(DIMENSIONS, VIDEOMAE, VideoMAE),
}
