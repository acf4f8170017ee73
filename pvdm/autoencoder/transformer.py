"""The space-time transformer of encoder and decoder: attention over time, then over space, then an MLP."""

from __future__ import annotations

from functools import partial

import torch
from einops import rearrange
from torch import Tensor, nn

from pvdm.autoencoder.attention import GatedMLP, SelfAttention
from pvdm.autoencoder.chunks import residual
from pvdm.autoencoder.config import AutoencoderConfig
from pvdm.autoencoder.rotary import Rotation, space_rotation, time_rotation


class SpaceTimeLayer(nn.Module):
    """Divided space-time attention (TimeSformer, Bertasius et al. 2021); tokens: (b, t, h, w, channels)."""

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        self.time = SelfAttention(config.channels, config.heads, config.head_dim)
        self.space = SelfAttention(config.channels, config.heads, config.head_dim)
        self.mlp = GatedMLP(config.channels)

    def forward(self, tokens: Tensor, over_time: Rotation, over_space: Rotation) -> Tensor:
        # Time and space are views of the same tokens, which so keep their place in memory.
        x = rearrange(tokens, "b t h w d -> b (h w) t d")
        x = residual(x, partial(self.time, rotation=over_time), axis=1)
        x = rearrange(x, "b n t d -> (b t) n d")
        x = residual(x, partial(self.space, rotation=over_space), axis=0, in_place=True)
        x = residual(x.flatten(0, 1), self.mlp, axis=0, in_place=True)
        return x.view(tokens.shape)


class SpaceTimeTransformer(nn.Module):
    """`config.depth` layers on tokens (b, t, h, w, channels); no norm at the end, as released."""

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        self.head_dim = config.head_dim
        self.layers = nn.ModuleList(SpaceTimeLayer(config) for _ in range(config.depth))
        t, h, w = config.latent_shape
        self.register_buffer("over_time", torch.stack(time_rotation(t, config.head_dim)), persistent=False)
        self.register_buffer("over_space", torch.stack(space_rotation(h, w, config.head_dim)), persistent=False)

    def forward(self, tokens: Tensor) -> Tensor:
        over_time, over_space = Rotation(*self.over_time), Rotation(*self.over_space)
        for layer in self.layers:
            tokens = layer(tokens, over_time, over_space)
        return tokens
