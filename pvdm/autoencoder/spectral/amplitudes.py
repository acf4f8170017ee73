"""Amplitudes that a reconstruction by least squares loses, measured in training and given back by gains."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pvdm.autoencoder.config import SpectralConfig
from pvdm.autoencoder.spectral.spectrum import cosines
from pvdm.runtime.precision import in_float32

MEMORY = 200
"""Batches over which the running amplitudes reach back."""

SMALLEST = 1e-4
"""Added to both amplitudes, so that frequencies that hardly occur are not amplified."""


class Amplitudes(nn.Module):
    """Gains of frequencies, in time, height and width, that give reconstructions the motion and detail of clips.

    What minimizes the mean square error is an expectation: it has less motion and detail than any clip it may stand
    for, most of all inside patches. A frequency's gain is the ratio of root mean squares, clips over reconstructions,
    between 1 / limit and the limit. Gains cost some PSNR, so that training is without them.

    Args:
        config: Says the limits, `still_gain` and `motion_gain`.
    """

    def __init__(self, config: SpectralConfig) -> None:
        super().__init__()
        shape = (config.frames, config.patch, config.patch)
        limits = torch.full((config.frames, 1, 1), float(config.motion_gain))
        limits[0] = config.still_gain
        self.register_buffer("limits", limits, persistent=False)
        self.register_buffer("cosines", cosines(config.patch).float(), persistent=False)
        self.register_buffer("wanted", torch.ones(shape))
        self.register_buffer("found", torch.ones(shape))
        self.register_buffer("batches", torch.zeros(()))

    @property
    def gains(self) -> Tensor:
        """(k, p, p) temporal, vertical and horizontal frequencies."""
        ratio = (self.wanted + SMALLEST) / (self.found + SMALLEST)
        return torch.minimum(torch.maximum(ratio, 1 / self.limits), self.limits)

    @in_float32
    def forward(self, frequencies: Tensor) -> Tensor:
        """Temporal frequencies of reconstructions (b, k, 3, h, w) -> like them, amplified."""
        amplified = self._within_patches(frequencies) * self.gains[:, None, None, :, None, :]
        pixels = torch.einsum("up,vq,bkcyuxv->bkcypxq", self.cosines, self.cosines, amplified)
        return pixels.reshape(frequencies.shape)

    @torch.no_grad()
    @in_float32
    def update(self, found: Tensor, wanted: Tensor) -> None:
        """Follows the amplitudes of a batch of reconstructions and clips, temporal frequencies (b, k, 3, h, w).

        A batch that is not finite is left out, like its update.
        """
        pairs = ((self.found, found), (self.wanted, wanted))
        squares = [self._within_patches(frequencies).square().mean((0, 2, 3, 5)) for _, frequencies in pairs]
        is_finite = torch.stack(squares).isfinite().all()
        self.batches.add_(is_finite).clamp_(max=MEMORY)
        weight = 1 / self.batches.clamp(min=1)
        for (running, _), square in zip(pairs, squares, strict=True):
            before = running.square()
            running.copy_(before.lerp(torch.where(is_finite, square.to(before.dtype), before), weight).sqrt())

    def _within_patches(self, frequencies: Tensor) -> Tensor:
        """(b, k, c, rows, p, columns, p): the cosine transform of each patch."""
        patch = self.cosines.shape[0]
        patches = frequencies.unflatten(-1, (-1, patch)).unflatten(-3, (-1, patch))
        return torch.einsum("up,vq,bkcypxq->bkcyuxv", self.cosines, self.cosines, patches)
