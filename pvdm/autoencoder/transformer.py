"""The space-time transformer of encoder and decoder: each layer attends over time, then over space, then has an MLP."""

from __future__ import annotations

import torch
from einops import rearrange
from torch import Tensor, nn

from pvdm.autoencoder.attention import GatedMLP, SelfAttention
from pvdm.autoencoder.config import AutoencoderConfig
from pvdm.autoencoder.rotary import Rotation, space_rotation, time_rotation


class SpaceTimeLayer(nn.Module):
    """Divided space-time attention (TimeSformer, Bertasius et al. 2021, arXiv 2102.05095)."""

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        self.time = SelfAttention(config.channels, config.heads, config.head_dim)
        self.space = SelfAttention(config.channels, config.heads, config.head_dim)
        self.mlp = GatedMLP(config.channels)

    def forward(self, tokens: Tensor, over_time: Rotation, over_space: Rotation) -> Tensor:
        """tokens: (b, t, h, w, channels) -> like tokens."""
        _, t, h, w, _ = tokens.shape
        x = rearrange(tokens, "b t h w d -> b (h w) t d")
        x = x + self.time(x, over_time)
        x = rearrange(x, "b n t d -> (b t) n d")
        x = x + self.space(x, over_space)
        x = x + self.mlp(x)
        return rearrange(x, "(b t) (h w) d -> b t h w d", t=t, h=h, w=w)


class SpaceTimeTransformer(nn.Module):
    """`config.depth` layers; no norm at the end, as released."""

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        self.head_dim = config.head_dim
        self.layers = nn.ModuleList(SpaceTimeLayer(config) for _ in range(config.depth))
        t, h, w = config.latent_shape.cube
        self.register_buffer("over_time", torch.stack(time_rotation(t, config.head_dim)), persistent=False)
        self.register_buffer("over_space", torch.stack(space_rotation(h, w, config.head_dim)), persistent=False)

    def forward(self, tokens: Tensor) -> Tensor:
        """tokens: (b, t, h, w, channels) -> like tokens."""
        over_time, over_space = Rotation(*self.over_time), Rotation(*self.over_space)
        for layer in self.layers:
            tokens = layer(tokens, over_time, over_space)
        return tokens
