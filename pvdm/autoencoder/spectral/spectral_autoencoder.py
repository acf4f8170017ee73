"""The spectral autoencoder: a linear code of a clip's temporal frequencies, corrected by a network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import torch
from einops import rearrange, repeat
from torch import Tensor, nn
from torch.nn import functional

from pvdm.autoencoder.attention import MLP, LayerNorm
from pvdm.autoencoder.config import SpectralConfig
from pvdm.autoencoder.spectral.amplitudes import Amplitudes
from pvdm.autoencoder.spectral.linear_code import Code, LinearCode
from pvdm.autoencoder.spectral.linear_fit import fit_linear_code
from pvdm.autoencoder.spectral.spectrum import Spectrum
from pvdm.autoencoder.triplane import PLANES, Triplane
from pvdm.autoencoder.video_autoencoder import VideoAutoencoder
from pvdm.video import to_float

MOMENTUM = 0.005
"""Weight of a batch in the running statistics of the latents."""

SMALLEST_VARIANCE = 1e-8
"""A channel that does not vary is not divided by less."""

CLIPS_AT_ONCE = 8
"""Clips in one step of `fit`."""


class SpectralAutoencoder(VideoAutoencoder):
    """Its content plane holds the clip's first temporal frequencies, its motion planes what rows and columns share.

    A `LinearCode` makes the planes and the video; a network on the grid of patches adds what is not linear, and starts
    at zero. Planes have zero mean and no bounds; each channel has unit variance, or one by `latent_power`.
    """

    encoder_parts = ("linear", "embed", "encoder", "to_content", "to_tw", "to_th", "normalize")
    derived = ("amplitudes.", *(f"normalize.{plane}.scale" for plane in PLANES))

    def __init__(self, config: SpectralConfig) -> None:
        super().__init__(config)
        frequencies, values, width = config.frames, 3 * config.patch**2, config.features
        content, motion = sum(config.content_channels), config.motion_channels
        self.spectrum = Spectrum(config)
        halved = replace(config, height=config.height // 2, width=config.width // 2) if self.can_halve else None
        self.halved_spectrum = None if halved is None else Spectrum(halved)
        self.linear = LinearCode(frequencies, values, config.content_channels, motion)
        self.embed = nn.Linear(content + frequencies * values, width)
        self.encoder = nn.Sequential(*(Block(config) for _ in range(config.encoder_depth)), LayerNorm(width))
        self.to_content = zero(nn.Linear(width, content))
        self.to_tw = zero(nn.Linear(width, frequencies * motion))
        self.to_th = zero(nn.Linear(width, frequencies * motion))
        channels = {"hw": content, "tw": motion, "th": motion}
        has_scale = config.latent_power > 0
        self.normalize = nn.ModuleDict({plane: Normalization(count, has_scale) for plane, count in channels.items()})
        self.from_code = nn.Conv2d(content + 2 * frequencies * motion, width, kernel_size=3, padding=1)
        self.decoder = nn.Sequential(*(Block(config) for _ in range(config.decoder_depth)), LayerNorm(width))
        self.to_spectrum = zero(nn.Linear(width, frequencies * values))
        self.amplitudes = Amplitudes(config) if max(config.still_gain, config.motion_gain) > 1 else None

    def encode(self, video: Tensor) -> Triplane:
        """video: (b, 3, t, h, w), float in [-1, 1] -> planes of mean variance 1, float32."""
        self.check_video(video)
        planes = zip(self.normalize.values(), self._planes(video), strict=True)
        return Triplane(*(normalize(plane) for normalize, plane in planes))

    def _planes(self, video: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The planes as they are coded, before they are normalized."""
        code, residual = self.linear.encode(self.spectrum(video))
        seen = torch.cat((code.content, (residual / self.linear.residual_scale).flatten(3)), dim=3)
        features = self.encoder(self.embed(seen))
        content = code.content + self.to_content(features)
        tw = code.tw + self.to_tw(features.mean(1)).view_as(code.tw)
        th = code.th + self.to_th(features.mean(2)).view_as(code.th)
        return rearrange(content, "b h w c -> b c h w"), self.spectrum.to_plane(tw), self.spectrum.to_plane(th)

    def decode(self, triplane: Triplane) -> Tensor:
        """Planes -> video (b, 3, t, h, w), float32.

        In training mode, it is the one of least error, of any range; else it is in [-1, 1], and amplified.
        """
        self.check_planes(triplane)
        return self._decoded(triplane, self.spectrum)

    @property
    def can_halve(self) -> bool:
        """Whether height and width are an even number of patches."""
        shape = self.config.latent_shape
        return shape.h % 2 == shape.w % 2 == 0

    def decode_halved(self, triplane: Triplane) -> Tensor:
        """As of any autoencoder; means of neighbors shrink the planes."""
        self.check_planes(triplane)
        factors = ((2, 2), (1, 2), (1, 2))
        shrunk = (functional.avg_pool2d(plane, factor) for plane, factor in zip(triplane, factors, strict=True))
        return self._decoded(Triplane(*shrunk), self.halved_spectrum)

    def _decoded(self, triplane: Triplane, spectrum: Spectrum) -> Tensor:
        """What planes of any height and width decode to, by the spectrum of that size."""
        hw, tw, th = (own.inverse(plane) for own, plane in zip(self.normalize.values(), triplane, strict=True))
        code = Code(rearrange(hw, "b c h w -> b h w c"), spectrum.of_plane(tw), spectrum.of_plane(th))
        h, w = hw.shape[2:]
        rows, columns = repeat(code.tw, "b w k c -> b (k c) h w", h=h), repeat(code.th, "b h k c -> b (k c) h w", w=w)
        features = rearrange(self.from_code(torch.cat((hw, rows, columns), dim=1)), "b c h w -> b h w c")
        correction = self.to_spectrum(self.decoder(features)).unflatten(3, (self.config.frames, -1))
        pictures = spectrum.pictures(self.linear.decode(code) + self.linear.residual_scale * correction)
        if self.training:
            return spectrum.to_video(pictures)
        amplified = pictures if self.amplitudes is None else self.amplitudes(pictures)
        return spectrum.to_video(amplified).clamp(-1, 1)

    def observe(self, found: Tensor, wanted: Tensor) -> None:
        """Follows the amplitudes of reconstructions in training mode and of the clips."""
        if self.amplitudes is not None:
            self.amplitudes.update(self.spectrum.over_time(found.detach()), self.spectrum.over_time(wanted))

    def adapt(self, fields: Mapping[str, Any]) -> None:
        """Gives the channels the variances of its own `latent_power`."""
        if self.config.latent_power not in (0, fields.get("latent_power", 0)):
            self._set_scales()

    def freeze_encoder(self) -> None:
        """Also freezes the statistics; the linear code as a whole, since encoding needs its decoder."""
        super().freeze_encoder()
        for normalization in self.normalize.values():
            normalization.is_frozen = True

    @property
    def last_layer(self) -> nn.Parameter:
        """The weights that make the network's part of the pixels."""
        return self.to_spectrum.weight

    def regions(self) -> list[nn.Module]:
        """The blocks of encoder and decoder."""
        return [part for part in (*self.encoder, *self.decoder) if isinstance(part, Block)]

    def recomputable(self) -> dict[str, list[nn.Module]]:
        """The two halves of the blocks; the MLPs hold most of the memory."""
        return {"mlp": [block.mlp for block in self.regions()], "around": [block.around for block in self.regions()]}

    @torch.no_grad()
    def fit(self, clips: Tensor) -> None:
        """Sets the linear code and the statistics from clips (n, 3, t, h, w) uint8: it then is the best linear code.

        Takes seconds of one CPU core for a hundred clips of 64x64, in float64 where it matters.
        """

        def spectra() -> Iterator[Tensor]:
            return (self.spectrum(to_float(part)) for part in clips.split(CLIPS_AT_ONCE))

        fit_linear_code(self.linear, spectra)
        latents = [self._planes(to_float(part)) for part in clips.split(CLIPS_AT_ONCE)]
        for normalization, *planes in zip(self.normalize.values(), *latents, strict=True):
            normalization.update(torch.cat(planes), weight=1.0)
        if self.config.latent_power > 0:
            self._set_scales()
        for part in spectra() if self.amplitudes is not None else ():
            found = self.linear.decode(self.linear.encode(part)[0])
            self.amplitudes.update(*map(self.spectrum.pictures, (found, part)))

    @torch.no_grad()
    def _set_scales(self) -> None:
        """Sets the standard deviations of the channels by their weights in pixels; see `latent_power`."""
        shape, power = self.config.latent_shape, self.config.latent_power
        patches = (1, shape.h, shape.w)  # that a value of each plane reaches
        norms, planes = self.linear.norms(), list(self.normalize.values())
        weights = [
            norm[:, None, None] * count**0.5 * plane.deviation
            for norm, count, plane in zip(norms, patches, planes, strict=True)
        ]
        sizes = [rows * columns for rows, columns in shape.planes]
        every = torch.cat([weight.flatten().repeat(size) for weight, size in zip(weights, sizes, strict=True)])
        mean = every.pow(2 * power).mean().sqrt()
        for plane, weight in zip(planes, weights, strict=True):
            plane.scale.copy_(weight**power / mean)


class Block(nn.Module):
    """A depthwise convolution and an MLP (ConvNeXt, Liu et al. 2022), added to the input; it starts as the identity."""

    def __init__(self, config: SpectralConfig) -> None:
        super().__init__()
        width, kernel = config.features, config.kernel_size
        self.around = nn.Conv2d(width, width, kernel, padding=kernel // 2, groups=width)
        self.mlp = MLP(width, config.expansion * width)
        zero(self.mlp.down)

    def forward(self, x: Tensor) -> Tensor:
        """x: (b, h, w, channels) -> like x."""
        return x + self.mlp(self.around(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1))


class Normalization(nn.Module):
    """Zero mean and unit variance of each channel over the training data, by statistics that no gradient sees.

    They are running means, updated in training mode; since `inverse` uses the same, a reconstruction does not depend on
    them. With `has_scale`, the channels have the standard deviations `scale` instead, (channels, 1, 1).
    """

    scale: Tensor | None

    def __init__(self, channels: int, has_scale: bool = False) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(channels, 1, 1))
        self.register_buffer("square", torch.ones(channels, 1, 1))
        self.register_buffer("scale", torch.ones(channels, 1, 1) if has_scale else None)
        self.is_frozen = False

    @property
    def deviation(self) -> Tensor:
        """(channels, 1, 1)."""
        return (self.square - self.mean.square()).clamp(min=SMALLEST_VARIANCE).sqrt()

    def forward(self, plane: Tensor) -> Tensor:
        """plane: (b, channels, rows, columns) -> like plane."""
        if self.training and not self.is_frozen:
            self.update(plane.detach(), MOMENTUM)
        return (plane - self.mean) / self._divisor

    def inverse(self, plane: Tensor) -> Tensor:
        """The inverse of `forward`."""
        return plane * self._divisor + self.mean

    @property
    def _divisor(self) -> Tensor:
        return self.deviation if self.scale is None else self.deviation / self.scale

    def update(self, plane: Tensor, weight: float) -> None:
        """Moves the statistics towards those of a plane, to them with a weight of 1; not to any that are not finite."""
        found = plane.to(self.mean.dtype)
        moments = found.mean((0, 2, 3))[:, None, None], found.square().mean((0, 2, 3))[:, None, None]
        is_finite = torch.stack(moments).isfinite().all()
        for running, moment in zip((self.mean, self.square), moments, strict=True):
            running.lerp_(torch.where(is_finite, moment, running), weight)


def zero(layer: nn.Linear) -> nn.Linear:
    """The layer with weights of zero."""
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer
