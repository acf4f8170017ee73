"""What a fixed transform reaches: the line below which an autoencoder has learned nothing yet."""

from __future__ import annotations

import numpy as np
from scipy.fft import dctn, idctn
from torch import Tensor

AXES = (1, 2, 3)


def ranked_coefficients(training: Tensor) -> np.ndarray:
    """Numbers of all coefficients, those of largest mean energy on training clips first: (3 t h w,) int32.

    The orthonormal cosine transform over time, height and width of each color. training: (n, 3, t, h, w) uint8.
    """
    energy = sum(np.square(_transformed(part)).sum(0) for part in training.split(32))
    return np.argsort(-energy, axis=None).astype(np.int32)


def cosine_transform_psnr(ranked: np.ndarray, test: Tensor, values: int) -> float:
    """Mean PSNR (dB) of test clips (n, 3, t, h, w) uint8 from the first `values` of the ranked coefficients."""
    _, colors, *shape = test.shape
    kept = np.zeros(ranked.size, bool)
    kept[ranked[:values]] = True
    errors = [_error(part, kept.reshape(*shape, colors)) for part in test.split(32)]
    return float(np.mean(-10 * np.log10(np.maximum(np.concatenate(errors), 1e-10))))


def _transformed(clips: Tensor) -> np.ndarray:
    """(b, t, h, w, 3) coefficients of pixels in [-1, 1]."""
    return dctn(_pixels(clips), axes=AXES, norm="ortho")


def _error(clips: Tensor, kept: np.ndarray) -> np.ndarray:
    """(b,) mean squared error of pixels in [0, 1]."""
    found = idctn(_transformed(clips) * kept, axes=AXES, norm="ortho").clip(-1, 1)
    return (np.square(found - _pixels(clips)) / 4).mean((1, 2, 3, 4))


def _pixels(clips: Tensor) -> np.ndarray:
    return clips.movedim(1, -1).float().numpy() / 127.5 - 1
