"""VideoMAE v2, the feature network of content-debiased FVD, from the package cd-fvd."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from pvdm.errors import InputError, one_line
from pvdm.files.pickles import read_pickle
from pvdm.files.weights import WeightsFile

DIMENSIONS = 1408
VIDEOMAE = WeightsFile(
    name="vit_g_hybrid_pt_1200e_ssv2_ft.pth",
    url="https://pjlab-gvm-data.oss-cn-shanghai.aliyuncs.com/internvideo/videomaev2/vit_g_hybrid_pt_1200e_ssv2_ft.pth",
    sha256=None,
    remedy="give its path as {detector_path}",
)
"""The giant network, fine-tuned on Something-Something v2: the file that the package itself downloads."""


class VideoMAE:
    """The package's network on clips that the package preprocesses."""

    def __init__(self, path: Path) -> None:
        """`InputError` if the package is not installed or the file does not hold the network."""
        self._preprocess = _module("utils").preprocess_videomae
        sizes = {"num_classes": 174, "all_frames": 16, "tubelet_size": 2, "use_mean_pooling": True}
        network = _module("videomaev2_finetune").vit_giant_patch14_224(**sizes)
        _fill(network, path)
        self._network = network.requires_grad_(False).eval()

    def to(self, device: torch.device) -> VideoMAE:
        self._network.to(device)
        return self

    def __call__(self, video: Tensor) -> Tensor:
        """Clips (b, 3, t, h, w) uint8, t even -> (b, 1408) on the device of the clips."""
        clips = self._preprocess(video.permute(0, 2, 3, 4, 1).cpu().numpy())
        return self._network.forward_features(clips.to(video.device))


def _module(name: str) -> ModuleType:
    """A module of the package's VideoMAE; InputError if the package is not installed."""
    try:
        return import_module(f"cdfvd.third_party.VideoMAEv2.{name}")
    except ImportError as error:
        raise InputError(
            f"content-debiased FVD needs the package cd-fvd ({one_line(error)})",
            "install it by pip install 'pvdm[cdfvd]'",
        ) from error


def _fill(network: nn.Module, path: Path) -> None:
    """Loads weights under `model` or `module`, or at the top level, as the package does."""
    content: dict[str, Any] = read_pickle(path, remedy=VIDEOMAE.remedy)
    state = next((content[key] for key in ("model", "module") if key in content), content)
    try:
        network.load_state_dict(state)
    except (RuntimeError, TypeError) as error:
        reason = one_line(str(error).splitlines()[-1].strip())
        raise InputError(f"{path} does not hold {VIDEOMAE.name} ({reason})", VIDEOMAE.remedy) from error
