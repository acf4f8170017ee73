"""Thumbnails of clips as feature rows, to find clips that look the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from pvdm.video import to_float

FRAMES, FINE, SMOOTHING, SIDE = 4, 32, 5, 8
"""A thumbnail's frames, the grid and the number of its cells it is smoothed over, and its height and width."""
WIDTH = 3 * FRAMES * SIDE**2


class Thumbnails:
    """Clips (b, 3, t, h, w) uint8 -> rows (b, 768) float32: small smooth pictures of equal brightness and contrast.

    Rows stay close under compression, blur, noise, changes of brightness and shifts of a few pixels. Used like a
    `Detector`, but without weights.
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
        """The record of a detector; the sizes stand in for a digest."""
        sizes = f"{FRAMES} frames of {SIDE}x{SIDE}, smoothed over {SMOOTHING} of {FINE} cells"
        return {"name": self.name, "sha256": sizes}


def mirrored(thumbnails: np.ndarray) -> np.ndarray:
    """Thumbnails (n, 768) of the same clips flipped left to right."""
    return thumbnails.reshape(len(thumbnails), 3, FRAMES, SIDE, SIDE)[..., ::-1].reshape(len(thumbnails), -1)
