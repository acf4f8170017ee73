"""Layers of the autoencoder's transformers: attention and the two kinds of MLP, pre-norm and residual."""

from __future__ import annotations

from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional

from pvdm.autoencoder.normalization import LayerNorm
from pvdm.autoencoder.rotary import Rotation


class SelfAttention(nn.Module):
    """x + attention(norm(x)) over the middle axis of x: (b, n, channels)."""

    def __init__(self, channels: int, heads: int, head_dim: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = LayerNorm(channels)
        self.qkv = nn.Linear(channels, 3 * heads * head_dim, bias=False)
        self.out = nn.Linear(heads * head_dim, channels)

    def forward(self, x: Tensor, rotation: Rotation | None = None) -> Tensor:
        normed, width = self.norm(x), self.out.in_features
        # Two products, so that values do not keep the queries and keys, which are not needed once they are rotated.
        to_qk, to_v = self.qkv.weight.split((2 * width, width))
        qk = rearrange(functional.linear(normed, to_qk), "b n (two k d) -> two b k n d", two=2, k=self.heads)
        v = rearrange(functional.linear(normed, to_v), "b n (k d) -> b k n d", k=self.heads)
        q, k = qk if rotation is None else rotation(qk)
        attended = functional.scaled_dot_product_attention(q, k, v)
        return x + self.out(rearrange(attended, "b k n d -> b n (k d)"))


class GatedMLP(nn.Module):
    """x + MLP(norm(x)) with GEGLU (Shazeer 2020, arXiv 2002.05202); x: (..., channels)."""

    def __init__(self, channels: int, expansion: int = 4) -> None:
        super().__init__()
        self.norm = LayerNorm(channels)
        self.up = nn.Linear(channels, 2 * expansion * channels)
        self.down = nn.Linear(expansion * channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        value, gate = self.up(self.norm(x)).chunk(2, dim=-1)
        return x + self.down(value * functional.gelu(gate))


class MLP(nn.Module):
    """x + MLP(norm(x)) with GELU; x: (..., channels)."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.norm = LayerNorm(channels)
        self.up = nn.Linear(channels, hidden)
        self.down = nn.Linear(hidden, channels)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.down(functional.gelu(self.up(self.norm(x))))
