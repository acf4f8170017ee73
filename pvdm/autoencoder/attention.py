"""The branches of the autoencoder's transformers, pre-norm: attention and the two kinds of MLP."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional

from pvdm.autoencoder.normalization import LayerNorm
from pvdm.autoencoder.rotary import Rotation

LAUNCHED = 2**16 - 1
"""Sequences that a GPU's kernels take at once: the largest extent of a launch (issue 146704 of PyTorch)."""

ADDRESSED = 2**31 - 1
"""Values that FlashAttention's backward pass counts in 32 bits: queries in blocks of 128, channels of at least 32."""


def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Softmax attention of many sequences, q (s, heads, queries, d) and k, v (s, heads, n, d) -> as q.

    On a GPU as many at once as its kernels can take.
    """
    most = most_sequences(q.shape, k.shape[2]) if q.is_cuda else len(q)
    if len(q) <= most:
        return functional.scaled_dot_product_attention(q, k, v)
    parts = zip(q.split(most), k.split(most), v.split(most), strict=True)
    return torch.cat([functional.scaled_dot_product_attention(*part) for part in parts])


def most_sequences(queries: Sequence[int], keys: int) -> int:
    """How many sequences with queries of shape (s, heads, queries, d), and so many keys, attend at once on a GPU."""
    _, heads, length, channels = queries
    padded = 128 * math.ceil(max(length, keys) / 128)
    return max(1, min(LAUNCHED, ADDRESSED // (heads * padded * max(channels, 32))))


class SelfAttention(nn.Module):
    """attention(norm(x)) over the last axis but one of x: (..., n, channels), to be added to x."""

    def __init__(self, channels: int, heads: int, head_dim: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = LayerNorm(channels)
        self.qkv = nn.Linear(channels, 3 * heads * head_dim, bias=False)
        self.out = nn.Linear(heads * head_dim, channels)

    def forward(self, x: Tensor, rotation: Rotation | None = None) -> Tensor:
        normed, width = self.norm(x).flatten(0, -3), self.out.in_features
        # Two products, so that values do not keep the queries and keys, which are not needed once they are rotated.
        to_qk, to_v = self.qkv.weight.split((2 * width, width))
        qk = rearrange(functional.linear(normed, to_qk), "s n (two k d) -> two s k n d", two=2, k=self.heads)
        v = rearrange(functional.linear(normed, to_v), "s n (k d) -> s k n d", k=self.heads)
        q, k = qk if rotation is None else rotation(qk)
        return self.out(rearrange(attend(q, k, v), "s k n d -> s n (k d)")).view(x.shape)

    def of_first(self, x: Tensor) -> Tensor:
        """What is to be added to index 0 of x (s, n, channels) alone: (s, channels), of a single query."""
        normed, width = self.norm(x), self.out.in_features
        to_q, to_kv = self.qkv.weight.split((width, 2 * width))
        q = rearrange(functional.linear(normed[:, 0], to_q), "s (k d) -> s k 1 d", k=self.heads)
        k, v = rearrange(functional.linear(normed, to_kv), "s n (two k d) -> two s k n d", two=2, k=self.heads)
        return self.out(rearrange(attend(q, k, v), "s k 1 d -> s (k d)"))


class GatedMLP(nn.Module):
    """MLP(norm(x)) with GEGLU (Shazeer 2020, arXiv 2002.05202), to be added to x: (..., channels)."""

    def __init__(self, channels: int, expansion: int = 4) -> None:
        super().__init__()
        self.norm = LayerNorm(channels)
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
        self.norm = LayerNorm(channels)
        self.up = nn.Linear(channels, hidden)
        self.down = nn.Linear(hidden, channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(functional.gelu(self.up(self.norm(x))))
