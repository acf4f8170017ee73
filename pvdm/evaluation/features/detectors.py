"""The feature networks by name: where their weights come from, and how they are called."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from pvdm.errors import ArgumentError, InputError
from pvdm.evaluation.features.frame_features import EFFICIENTNET, FrameStatistics
from pvdm.evaluation.features.i3d import CLASSES, I3D, random_i3d, square
from pvdm.evaluation.features.torchscript import ScriptedNetwork
from pvdm.evaluation.features.videomae import DIMENSIONS, VIDEOMAE, VideoMAE
from pvdm.files.pickles import read_pickle
from pvdm.files.weights import WeightsFile, sha256_of_weights
from pvdm.runtime.precision import full_float32
from pvdm.video.pixels import REMEDY

BY_PATH = "give its path as {detector_path}"

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
    """A frozen feature network in evaluation mode and float32; not a submodule of a module that holds it.

    name: A key of `DETECTORS`; dimensions: width of a feature row, None if it depends on the file; device: where it
    computes.
    """

    def __init__(self, name: str, network: _Network, *, dimensions: int | None, record: dict[str, Any]) -> None:
        self.name, self.dimensions = name, dimensions
        self._network, self._record = network, record
        self.device = torch.device("cpu")

    def describe(self) -> dict[str, Any]:
        """The record for the result: name, file name, sha256 (of the file, or of random weights), url."""
        return {"name": self.name, **self._record}

    def to(self, device: torch.device | str) -> Detector:
        """Moves the network; clips are moved to the same device when it is called."""
        self.device = torch.device(device)
        self._network = self._network.to(self.device)
        return self

    def __call__(self, video: Tensor) -> Tensor:
        """Clips (b, 3, t, h, w) uint8, any h and w -> features (b, dimensions) float32 on the detector's device.

        A row depends only on its clip. TF32 is off, so a GPU gives the numbers of a CPU up to rounding.
        """
        if video.dtype != torch.uint8 or video.ndim != 5 or video.shape[1] != 3:
            given = f"{tuple(video.shape)} {video.dtype}"
            raise ArgumentError(f"a detector takes clips (b, 3, t, h, w) in uint8, not {given}", REMEDY)
        with torch.no_grad(), full_float32(self.device):
            return self._network(video.to(self.device)).float()


def load_detector(name: str, path: str | Path | None = None, *, device: torch.device | str = "cpu") -> Detector:
    """The detector of this name, a key of `DETECTORS`.

    path: The file of its weights; None downloads it on first use if it has an address. `InputError` if the name is
    unknown, or the file is missing or is not the expected one.
    """
    if name not in DETECTORS:
        raise InputError(f"there is no detector {name}", f"choose one of {', '.join(DETECTORS)}")
    entry = DETECTORS[name]
    if entry.file is None:
        if path is not None:
            raise InputError(f"{name} needs no file, its weights are computed", f"leave out {path}")
        network = entry.load(None)
        record = {"file": None, "sha256": network.digest(), "url": None}
    else:
        path = entry.file.path(path)
        network = entry.load(path)
        record = entry.file.record(path)
    return Detector(name, network, dimensions=entry.dimensions, record=record).to(device)


class _Logits:
    """I3D on clips that are scaled and cropped to a square."""

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
    """I3D with the published weights, on 224x224."""
    network = I3D()
    _fill(network, read_pickle(path, remedy=I3D_400.remedy), path)
    return _Logits(network, 224)


def _fill(network: nn.Module, state: dict[str, Any], path: Path) -> None:
    for key, value in network.state_dict().items():
        if getattr(state.get(key), "shape", None) != value.shape:
            raise InputError(f"{path} does not hold I3D (no {key} of size {list(value.shape)})", I3D_400.remedy)
    if foreign := state.keys() - network.state_dict().keys():
        raise InputError(f"{path} does not hold only I3D (it has {min(foreign)})", I3D_400.remedy)
    network.load_state_dict(state)


def _i3d_torchscript(path: Path) -> ScriptedNetwork:
    """StyleGAN-V's port of TensorFlow Hub's I3D, which scales range and size itself, and stretches non-square clips.

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
    remedy = "delete it so that it is fetched again" if path == file.cached else f"fetch {file.url} or {file.remedy}"
    return ScriptedNetwork(path, file.name, options=options, width=width, remedy=remedy)


@dataclass(frozen=True)
class _Entry:
    """The width of a feature row (None: any), the file of weights if there is one, and the function that loads it."""

    dimensions: int | None
    file: WeightsFile | None
    load: Callable[[Path | None], _Network]


DETECTORS: dict[str, _Entry] = {
    "i3d-400": _Entry(CLASSES, I3D_400, _i3d_400),
    "i3d-torchscript": _Entry(CLASSES, I3D_TORCHSCRIPT, _i3d_torchscript),
    "i3d-random": _Entry(CLASSES, None, lambda _: _Logits(random_i3d(), 112)),
    "c3d-ucf101": _Entry(101, C3D_UCF101, _c3d_ucf101),
    "efficientnet-lite0": _Entry(None, EFFICIENTNET, FrameStatistics),
    "videomae-v2-ssv2": _Entry(DIMENSIONS, VIDEOMAE, VideoMAE),
}
