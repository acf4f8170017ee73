"""A projection of the token cube along one axis onto a plane; paper section 3.1, eq. 3."""

from __future__ import annotations

import torch
from einops import rearrange, repeat
from torch import Tensor, nn

from pvdm.autoencoder.attention import MLP, SelfAttention
from pvdm.autoencoder.config import AutoencoderConfig


class Projection(nn.Module):
    """A transformer over the axis that is summed up, then 1x1 convolution and tanh.

    Args:
        config: Sizes.
        length: Positions along the axis that is summed up.
    """

    def __init__(self, config: AutoencoderConfig, length: int) -> None:
        super().__init__()
        channels = config.channels
        self.summary = nn.Parameter(0.02 * torch.randn(channels))
        self.position = nn.Parameter(0.02 * torch.randn(length + 1, channels))
        self.attention = nn.ModuleList()
        self.mlp = nn.ModuleList()
        for _ in range(config.projection_depth):
            self.attention.append(SelfAttention(channels, config.projection_heads, config.projection_head_dim))
            self.mlp.append(MLP(channels, config.projection_mlp_dim))
        self.to_latent = nn.Conv2d(channels, config.latent_channels, kernel_size=1)

    def forward(self, tokens: Tensor) -> Tensor:
        """tokens: (b, rows, columns, n, channels), summed up over n -> (b, latent channels, rows, columns)."""
        b, rows, columns = tokens.shape[:3]
        x = rearrange(tokens, "b r c n d -> (b r c) n d")
        x = torch.cat((x, repeat(self.summary, "d -> s 1 d", s=x.shape[0]).to(x.dtype)), dim=1) + self.position
        for attention, mlp in zip(self.attention, self.mlp, strict=True):
            x = mlp(attention(x))
        # The summary token is appended last and yet index 0 is read: the released weights depend on it.
        plane = rearrange(x[:, 0], "(b r c) d -> b d r c", b=b, r=rows, c=columns)
        return torch.tanh(self.to_latent(plane))
