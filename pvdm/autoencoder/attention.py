"""The branches of the autoencoder's transformers, pre-norm: attention and the two kinds of MLP."""

from __future__ import annotations

from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional

from pvdm.autoencoder.rotary import Rotation


class SelfAttention(nn.Module):
    """attention(norm(x)) over the last axis but one of x: (..., n, channels), to be added to x."""

    def __init__(self, channels: int, heads: int, head_dim: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(channels)
        self.qkv = nn.Linear(channels, 3 * heads * head_dim, bias=False)
        self.out = nn.Linear(heads * head_dim, channels)

    def forward(self, x: Tensor, rotation: Rotation | None = None) -> Tensor:
        normed, width = self.norm(x).flatten(0, -3), self.out.in_features
        # Two products, so that values do not keep the queries and keys, which are not needed once they are rotated.
        to_qk, to_v = self.qkv.weight.split((2 * width, width))
        qk = rearrange(functional.linear(normed, to_qk), "s n (two k d) -> two s k n d", two=2, k=self.heads)
        v = rearrange(functional.linear(normed, to_v), "s n (k d) -> s k n d", k=self.heads)
        q, k = qk if rotation is None else rotation(qk)
        attended = functional.scaled_dot_product_attention(q, k, v)
        return self.out(rearrange(attended, "s k n d -> s n (k d)")).view(x.shape)

    def of_first(self, x: Tensor) -> Tensor:
        """What is to be added to index 0 of x (s, n, channels) alone: (s, channels), of a single query."""
        normed, width = self.norm(x), self.out.in_features
        to_q, to_kv = self.qkv.weight.split((width, 2 * width))
        q = rearrange(functional.linear(normed[:, 0], to_q), "s (k d) -> s k 1 d", k=self.heads)
        k, v = rearrange(functional.linear(normed, to_kv), "s n (two k d) -> two s k n d", two=2, k=self.heads)
        attended = functional.scaled_dot_product_attention(q, k, v)
        return self.out(rearrange(attended, "s k 1 d -> s (k d)"))


class GatedMLP(nn.Module):
    """MLP(norm(x)) with GEGLU (Shazeer 2020, arXiv 2002.05202), to be added to x: (..., channels)."""

    def __init__(self, channels: int, expansion: int = 4) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)
        self.up = nn.Linear(channels, 2 * expansion * channels)
        self.down = nn.Linear(expansion * channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        normed = self.norm(x)
        # Two products rather than one in halves: those would be strided, which GELU and its gradient are slow at.
        halves = zip(self.up.weight.chunk(2), self.up.bias.chunk(2), strict=True)
        value, gate = (functional.linear(normed, weight, bias) for weight, bias in halves)
        return self.down(value * functional.gelu(gate))


class MLP(nn.Module):
    """MLP(norm(x)) with GELU, to be added to x: (..., channels)."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)
        self.up = nn.Linear(channels, hidden)
        self.down = nn.Linear(hidden, channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(functional.gelu(self.up(self.norm(x))))
