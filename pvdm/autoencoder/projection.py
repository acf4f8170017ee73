"""The projection of the token cube along one axis onto a plane; paper section 3.1, eq. 3."""

from __future__ import annotations

import torch
from einops import rearrange
from torch import Tensor, nn

from pvdm.autoencoder.attention import MLP, SelfAttention
from pvdm.autoencoder.config import AutoencoderConfig


class Projection(nn.Module):
    """A transformer over the axis that the plane lacks, then a 1x1 convolution and tanh.

    Args:
        config: Sizes.
        length: Positions along that axis.
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
        """tokens: (b, rows, columns, n, channels) -> (b, latent channels, rows, columns), in (-1, 1)."""
        return torch.tanh(self.to_latent(rearrange(self.summarize(tokens), "b r c d -> b d r c")))

    def summarize(self, tokens: Tensor) -> Tensor:
        """Each line of n tokens becomes one: (b, rows, columns, n, channels) -> (b, rows, columns, channels)."""
        summary = self.summary.to(tokens.dtype).expand(*tokens.shape[:3], 1, -1)
        position = self.position.to(tokens.dtype)  # else all that follows would be float32
        x = (torch.cat((tokens, summary), dim=3) + position).flatten(0, 2)
        for attention, mlp in zip(self.attention[:-1], self.mlp[:-1], strict=True):
            x = x + attention(x)
            x = x + mlp(x)
        # The summary token comes last, yet index 0 is read, by the last layer alone: released weights depend on it.
        first = x[:, 0] + self.attention[-1].pool(x)
        return (first + self.mlp[-1](first)).view(*tokens.shape[:3], -1)
