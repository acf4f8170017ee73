"""Thumbnails of clips as feature rows: what is near in them looks alike."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from pvdm.video import to_float

FRAMES, FINE, SMOOTHING, SIDE = 4, 32, 5, 8
"""Of a thumbnail: its frames, the grid on which it is smoothed over so many cells, and its height and width."""
WIDTH = 3 * FRAMES * SIDE**2


class Thumbnails:
    """Clips (b, 3, t, h, w) uint8 -> rows (b, 768) float32: small smooth pictures, of one brightness and contrast.

    What is near in them looks alike, whatever compression, blur, noise, brightness and a shift of a few pixels have
    made of it. A kind of detector, see `pvdm.evaluation.features.detectors`, without weights.
    """

    name, device = "thumbnails", torch.device("cpu")

    def __call__(self, video: Tensor) -> Tensor:
        fine = F.adaptive_avg_pool3d(to_float(video.to(self.device)), (FRAMES, FINE, FINE))
        edge = SMOOTHING // 2
        padded = F.pad(fine, (edge, edge, edge, edge, 0, 0), mode="reflect")
        smooth = F.avg_pool3d(padded, (1, SMOOTHING, SMOOTHING), stride=1)
        small = F.adaptive_avg_pool3d(smooth, (FRAMES, SIDE, SIDE))
        centred = small - small.mean((2, 3, 4), keepdim=True)
        return (centred / (centred.std((1, 2, 3, 4), keepdim=True) + 1e-3)).flatten(1)

    def describe(self) -> dict[str, Any]:
        """As a detector does it."""
        sizes = f"{FRAMES} frames of {SIDE}x{SIDE}, smoothed over {SMOOTHING} of {FINE} cells"
        return {"name": self.name, "sha256": sizes}


def mirrored(thumbnails: np.ndarray) -> np.ndarray:
    """Thumbnails (n, 768) of the clips with left and right exchanged."""
    return thumbnails.reshape(len(thumbnails), 3, FRAMES, SIDE, SIDE)[..., ::-1].reshape(len(thumbnails), -1)
