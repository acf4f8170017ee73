"""The projected autoencoder: a clip to three planes and back; paper section 3.1."""

from __future__ import annotations

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional

from pvdm.autoencoder.config import AutoencoderConfig
from pvdm.autoencoder.projection import Projection
from pvdm.autoencoder.transformer import SpaceTimeTransformer
from pvdm.autoencoder.triplane import PLANES, Triplane
from pvdm.errors import ArgumentError

ALONG = {"hw": "b t h w d -> b h w t d", "tw": "b t h w d -> b t w h d", "th": "b t h w d -> b t h w d"}
"""For each plane, the token cube with the axis that the plane lacks next to the channels."""

BROADCAST = {"hw": "b d h w -> b 1 h w d", "tw": "b d t w -> b t 1 w d", "th": "b d t h -> b t h 1 d"}
"""For each plane, its broadcast along the axis that it lacks."""

MAX_PIXEL = 1.01
"""Largest magnitude of pixels in [-1, 1], with a margin for rounding."""

PIXELS = "this autoencoder takes floats in [-1, 1], which pvdm.video.to_float makes of uint8"


class ToPixels(nn.Module):
    """Tokens to patches of pixels: the released transposed convolution, whose stride is its kernel, as a product."""

    def __init__(self, channels: int, patch: int) -> None:
        super().__init__()
        bound = channels**-0.5
        self.weight = nn.Parameter(torch.empty(channels, 3, patch, patch).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.zeros(3))

    def forward(self, tokens: Tensor) -> Tensor:
        """tokens: (b, t, h, w, channels) -> (b, 3, t, h * patch, w * patch)."""
        patch = self.weight.shape[2]
        bias = self.bias.repeat_interleave(patch**2)
        patches = functional.linear(tokens, self.weight.flatten(1).T, bias)
        return rearrange(patches, "b t h w (c p q) -> b c t (h p) (w q)", c=3, p=patch)


class ProjectedAutoencoder(nn.Module):
    """Encodes video (b, 3, t, h, w), float in [-1, 1], to a `Triplane` in (-1, 1), and decodes it.

    Another size, number of frames or dtype than `config` says raises ArgumentError, a ValueError.
    """

    latent_bound: float | None = 1.0
    """Largest magnitude of latents, to which sampling clamps; None if they have no bound."""

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        self.config = config
        patch, channels, cube = config.patch_size, config.channels, config.latent_shape.cube
        self.embed_patches = nn.Linear(3 * patch**2, channels)
        self.encoder = SpaceTimeTransformer(config)
        self.projections = nn.ModuleDict({plane: Projection(config, n) for plane, n in zip(PLANES, cube, strict=True)})
        self.from_latent = nn.ModuleDict(
            {plane: nn.Conv2d(config.latent_channels, channels, kernel_size=1) for plane in PLANES}
        )
        self.decoder = SpaceTimeTransformer(config)
        self.to_pixels = ToPixels(channels, patch)

    def encode(self, video: Tensor) -> Triplane:
        """video: (b, 3, t, h, w), float in [-1, 1] -> planes in (-1, 1)."""
        self._check(video)
        patch = self.config.patch_size
        patches = rearrange(video, "b c t (h p) (w q) -> b t h w (p q c)", p=patch, q=patch)
        tokens = self.encoder(self.embed_patches(patches))
        return Triplane(*(self.projections[plane](rearrange(tokens, ALONG[plane])) for plane in PLANES))

    def decode(self, triplane: Triplane) -> Tensor:
        """Planes -> video (b, 3, t, h, w), float in (-1, 1). Planes are summed, as released (paper: concatenated)."""
        self._check_planes(triplane)
        tokens = sum(
            rearrange(self.from_latent[name](plane), BROADCAST[name])
            for name, plane in zip(PLANES, triplane, strict=True)
        )
        logits = self.to_pixels(self.decoder(tokens.contiguous()))  # planes may be slices of a flat latent
        # The released 2 * sigmoid(x) - 1 is tanh(x / 2); in float32 whatever dtype the networks compute in.
        return torch.tanh(logits.to(torch.promote_types(logits.dtype, torch.float32)) / 2)

    def forward(self, video: Tensor) -> Tensor:
        """Reconstruction of video: (b, 3, t, h, w), float in [-1, 1]."""
        return self.decode(self.encode(video))

    def regions(self) -> list[nn.Module]:
        """The repeated parts, which are compiled one by one: the layers of both transformers and the projections."""
        return [*self.encoder.layers, *self.projections.values(), *self.decoder.layers]

    def recomputable(self) -> dict[str, list[nn.Module]]:
        """What activation checkpointing can recompute: attention and MLPs of the layers, and projections."""
        layers = [*self.encoder.layers, *self.decoder.layers]
        kinds = {name: [layer.get_submodule(name) for layer in layers] for name in ("time", "space", "mlp")}
        return {**kinds, "projections": list(self.projections.values())}

    def _check(self, video: Tensor) -> None:
        """ArgumentError for another dtype or shape and, on a CPU, where it needs no synchronization, another range."""
        config = self.config
        wanted = (3, config.frames, config.height, config.width)
        if tuple(video.shape[1:]) != wanted:
            raise ArgumentError(
                f"video has shape {tuple(video.shape)}",
                f"this autoencoder takes (b, {', '.join(map(str, wanted))}), so scale and cut it first",
            )
        if not video.is_floating_point():
            raise ArgumentError(f"video is {video.dtype}", PIXELS)
        if video.device.type == "cpu" and type(video) is Tensor and video.numel():  # subclasses may have no values
            low, high = (value.item() for value in video.detach().aminmax())
            if not (low >= -MAX_PIXEL and high <= MAX_PIXEL):
                raise ArgumentError(f"video goes from {low:.4g} to {high:.4g}", PIXELS)

    def _check_planes(self, triplane: Triplane) -> None:
        """ArgumentError for planes of another dtype or other sizes."""
        channels, sizes = self.config.latent_channels, self.config.latent_shape.planes
        for name, plane, size in zip(PLANES, triplane, sizes, strict=True):
            if plane.shape[1:] != (channels, *size) or not plane.is_floating_point():
                wanted = ", ".join(map(str, (channels, *size)))
                raise ArgumentError(
                    f"plane {name} is {plane.dtype} {tuple(plane.shape)}",
                    f"this autoencoder decodes floats (b, {wanted})",
                )
