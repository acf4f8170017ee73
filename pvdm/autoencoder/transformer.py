"""The space-time transformer of encoder and decoder: attention over time, then over space, then an MLP."""

from __future__ import annotations

from einops import rearrange
from torch import Tensor, nn

from pvdm.autoencoder.attention import GatedMLP, SelfAttention
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
        b, t, h, w, _ = tokens.shape
        tokens = self.time(rearrange(tokens, "b t h w d -> (b h w) t d"), over_time)
        tokens = self.space(rearrange(tokens, "(b h w) t d -> (b t) (h w) d", b=b, h=h), over_space)
        return self.mlp(rearrange(tokens, "(b t) (h w) d -> b t h w d", t=t, w=w))


class SpaceTimeTransformer(nn.Module):
    """`config.depth` layers on tokens (b, t, h, w, channels); no norm at the end, as released."""

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        self.head_dim = config.head_dim
        self.layers = nn.ModuleList(SpaceTimeLayer(config) for _ in range(config.depth))

    def forward(self, tokens: Tensor) -> Tensor:
        _, t, h, w, _ = tokens.shape
        over_time = time_rotation(t, self.head_dim, tokens.device)
        over_space = space_rotation(h, w, self.head_dim, tokens.device)
        for layer in self.layers:
            tokens = layer(tokens, over_time, over_space)
        return tokens
