"""The linear code in closed form: principal components of training clips, in float64."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from pvdm.autoencoder.spectral.linear_code import ContentCode, LinearCode, MotionCode

SMALLEST_DEVIATION = 1e-4
"""Codes that hardly vary, such as the black borders of all clips, are not divided by less."""

Spectra = Callable[[], Iterator[Tensor]]
"""Yields the spectra (b, h, w, k, values) of the same clips each time."""


class Moments:
    """Sums of rows and of their products, from which means and covariances follow."""

    def __init__(self) -> None:
        self.count, self.total, self.products = 0, 0.0, 0.0

    def add(self, rows: Tensor) -> None:
        """rows: (..., d)."""
        rows = rows.flatten(0, -2).double()
        self.count += len(rows)
        self.total = self.total + rows.sum(0)
        self.products = self.products + rows.T @ rows

    @property
    def mean(self) -> Tensor:
        """(d,) float64."""
        return self.total / self.count

    @property
    def covariance(self) -> Tensor:
        """(d, d) float64."""
        return self.products / self.count - self.mean.outer(self.mean)


@torch.no_grad()
def fit_linear_code(code: LinearCode, spectra: Spectra) -> None:
    """Sets all weights of a linear code, which then has channels of unit variance on these clips."""
    _fit_content(code.content, spectra)
    _fit_motion(code.tw, lambda: (code.encode(spectrum)[1] for spectrum in spectra()))

    def left_by_tw() -> Iterator[Tensor]:
        for spectrum in spectra():
            planes, residual = code.encode(spectrum)
            yield residual - code.tw.decode(planes.tw)

    _fit_motion(code.th, left_by_tw)
    squares = [code.encode(spectrum)[1].square().mean((0, 1, 2, 4)) for spectrum in spectra()]
    code.residual_scale.copy_(torch.stack(squares).mean(0).sqrt().clamp(min=SMALLEST_DEVIATION)[:, None])


def _fit_content(content: ContentCode, spectra: Spectra) -> None:
    moments = [Moments() for _ in content.encoders]
    for spectrum in spectra():
        for k, found in enumerate(moments):
            found.add(spectrum[..., k, :])
    for encoder, decoder, found in zip(content.encoders, content.decoders, moments, strict=True):
        _fit_pair(encoder, decoder, found.covariance)
        encoder.bias.copy_(-encoder.weight @ found.mean.to(encoder.weight))
        decoder.bias.copy_(found.mean)


def _fit_motion(motion: MotionCode, residuals: Spectra) -> None:
    moments = Moments()
    for residual in residuals():
        moments.add(residual.mean(motion.axis))
    _fit_pair(motion.encoder, motion.decoder, moments.products / moments.count)


def _fit_pair(encoder: nn.Linear, decoder: nn.Linear, covariance: Tensor) -> None:
    """The directions of largest variance, orthonormal, each scaled to a variance of 1."""
    variances, directions = (found.flip(-1)[..., : encoder.out_features] for found in torch.linalg.eigh(covariance))
    deviations = variances.clamp(min=SMALLEST_DEVIATION**2).sqrt()
    encoder.weight.copy_((directions / deviations).T)
    decoder.weight.copy_(directions * deviations)
