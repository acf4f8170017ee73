"""Reading the watermark, and how sure it is that there is one."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pvdm.errors import InputError
from pvdm.provenance.bch_code import codewords
from pvdm.provenance.watermark import chips_of, cosines, luma, secret, smoothed

FALSE_ALARMS = 1e-6
"""Chance, at most, that a watermark is found in frames without one."""

WINDOW, FLAT = 5, 1.0
"""Pixels over which the picture is made equally bright and busy before it is read, and what is added in flat areas."""


@dataclass(frozen=True)
class Detection:
    """What was read.

    Args:
        payload: The most likely one, 0 ... 65535.
        wrong_bits: Bits of the 63 that differ from its code.
        false_alarms: Upper bound of the chance that frames without a watermark, of this key, look as much like one.
    """

    payload: int
    wrong_bits: int
    false_alarms: float

    @property
    def is_found(self) -> bool:
        """Whether there is a watermark."""
        return self.false_alarms <= FALSE_ALARMS


def detect(parts: Iterable[Tensor], key: str | None = None) -> Detection:
    """Reads frames, (3, t, h, w) uint8 part by part, of which any span and any size will do.

    All 65,536 codewords are compared with the sums of the chips of each bit (soft decision, maximum likelihood).
    Under a key that the frames do not depend on, the signs of the chips are independent and fair. Whatever the picture,
    the normalized sum z of a codeword then exceeds a threshold with a chance of at most exp(-z^2 / 2) (Hoeffding 1963,
    theorem 2), and the largest of all with 65,536 times that.
    """
    total, count = None, 0
    for frames in parts:
        part = luma(frames).sum(0, dtype=torch.float64)
        total, count = part if total is None else total + part, count + frames.shape[1]
    if total is None:
        raise InputError("there are no frames", "give a video")
    values, bits = _chip_values((total / count).float(), secret(key))
    sums = np.bincount(bits, values, codewords().shape[1])
    scores = codewords().astype(np.float32) @ sums.astype(np.float32)
    payload, norm = int(scores.argmax()), float(np.sqrt(np.square(values).sum())) or 1.0
    exponent = (float(scores[payload]) / norm) ** 2 / 2
    wrong = int((np.sign(sums) != codewords()[payload]).sum())
    return Detection(payload, wrong, min(1.0, len(codewords()) * math.exp(-exponent)))


def _chip_values(brightness: Tensor, key: str) -> tuple[np.ndarray, np.ndarray]:
    """Of a mean picture (h, w), what each chip says, about -1 ... 1, and the bit that it speaks of."""
    height, width = brightness.shape
    even = _evened(brightness[None])[0]
    chips = chips_of(height, width, key)
    values = (cosines(height) @ even @ cosines(width).T)[chips.rows, chips.columns].double().numpy()
    radius = np.hypot(chips.rows, chips.columns).astype(int)
    usual = np.bincount(radius, np.abs(values)) / np.maximum(np.bincount(radius), 1)
    scaled = values / (usual[radius] + 1e-9)
    return chips.signs * scaled / (1 + np.abs(scaled)), chips.bits


def _evened(pictures: Tensor) -> Tensor:
    """(t, h, w) without what is smooth, and divided by how busy each place is."""
    mean = smoothed(pictures, WINDOW)
    deviation = (smoothed(pictures.square(), WINDOW) - mean.square()).clamp(min=0).sqrt()
    return (pictures - mean) / (FLAT + smoothed(deviation, WINDOW))
