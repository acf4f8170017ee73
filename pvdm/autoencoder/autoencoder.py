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
from pvdm.autoencoder.video_autoencoder import VideoAutoencoder

ALONG = {"hw": "b t h w d -> b h w t d", "tw": "b t h w d -> b t w h d", "th": "b t h w d -> b t h w d"}
"""For each plane, the token cube with the axis that the plane lacks next to the channels."""

BROADCAST = {"hw": "b d h w -> b 1 h w d", "tw": "b d t w -> b t 1 w d", "th": "b d t h -> b t h 1 d"}
"""For each plane, its broadcast along the axis that it lacks."""


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


class ProjectedAutoencoder(VideoAutoencoder):
    """The released autoencoder; its planes and its video are in (-1, 1)."""

    encoder_parts = ("embed_patches", "encoder", "projections")

    latent_bound = 1.0

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__(config)
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
        self.check_video(video)
        patch = self.config.patch_size
        patches = rearrange(video, "b c t (h p) (w q) -> b t h w (p q c)", p=patch, q=patch)
        tokens = self.encoder(self.embed_patches(patches))
        return Triplane(*(self.projections[plane](rearrange(tokens, ALONG[plane])) for plane in PLANES))

    def decode(self, triplane: Triplane) -> Tensor:
        """Planes -> video (b, 3, t, h, w), float in (-1, 1). Planes are summed, as released (paper: concatenated)."""
        self.check_planes(triplane)
        tokens = sum(
            rearrange(self.from_latent[name](plane), BROADCAST[name])
            for name, plane in zip(PLANES, triplane, strict=True)
        )
        logits = self.to_pixels(self.decoder(tokens.contiguous()))  # planes may be slices of a flat latent
        # The released 2 * sigmoid(x) - 1 is tanh(x / 2); in float32 whatever dtype the networks compute in.
        return torch.tanh(logits.to(torch.promote_types(logits.dtype, torch.float32)) / 2)

    @property
    def last_layer(self) -> nn.Parameter:
        """The weights that make the pixels."""
        return self.to_pixels.weight

    def regions(self) -> list[nn.Module]:
        """The repeated parts, which are compiled one by one: the layers of both transformers and the projections."""
        return [*self.encoder.layers, *self.projections.values(), *self.decoder.layers]

    def recomputable(self) -> dict[str, list[nn.Module]]:
        """What activation checkpointing can recompute: attention and MLPs of the layers, and projections."""
        layers = [*self.encoder.layers, *self.decoder.layers]
        kinds = {name: [layer.get_submodule(name) for layer in layers] for name in ("time", "space", "mlp")}
        return {**kinds, "projections": list(self.projections.values())}
