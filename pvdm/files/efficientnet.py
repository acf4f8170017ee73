"""EfficientNet-Lite0 (Liu 2020), a network of pictures that a Python package holds with its weights."""

from __future__ import annotations

from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

from torch import nn

from pvdm.errors import InputError
from pvdm.files.pickles import read_pickle

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of the pixels of ImageNet in [0, 1], by channel."""


def load_efficientnet(path: Path, *, remedy: str) -> nn.Module:
    """The frozen network: (n, 3, h, w) float in [0, 1], normalized by MEAN and DEVIATION -> logits (n, 1000).

    Its `extract_features` gives what goes into the last average: (n, 1280, h / 32, w / 32). InputError with the remedy
    if the package is absent or the file holds another network.
    """
    try:
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError as error:
        raise InputError("EfficientNet-Lite0 needs the package efficientnet-lite-pytorch", remedy) from error
    state = read_pickle(path, remedy=remedy)
    with redirect_stdout(StringIO()):  # the package prints
        network = EfficientNet.from_name("efficientnet-lite0")
    try:
        network.load_state_dict(state)
    except (RuntimeError, TypeError) as error:
        raise InputError(f"{path} does not hold EfficientNet-Lite0", remedy) from error
    return network.requires_grad_(False).eval()
