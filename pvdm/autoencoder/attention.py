"""The pre-norm branches of the autoencoder's transformers: attention and two kinds of MLP."""

from __future__ import annotations

from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional

from pvdm.autoencoder.rotary import Rotation
from pvdm.runtime.attention_launches import attend
from pvdm.runtime.precision import without_autocast


class LayerNorm(nn.LayerNorm):
    """Layer norm in the input's dtype; the kernels compute the statistics in float32.

    On a GPU, autocast would make a float32 copy of the input and keep it for the backward pass.
    """

    def forward(self, x: Tensor) -> Tensor:
        """x: (..., channels) -> like x."""
        weight, bias = self.weight.to(x.dtype), self.bias.to(x.dtype)
        with without_autocast(x.device):
            return functional.layer_norm(x, self.normalized_shape, weight, bias, self.eps)


class SelfAttention(nn.Module):
    """The branch attention(norm(x)) over the sequences of x, to be added to x."""

    def __init__(self, channels: int, heads: int, head_dim: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = LayerNorm(channels)
        self.qkv = nn.Linear(channels, 3 * heads * head_dim, bias=False)
        self.out = nn.Linear(heads * head_dim, channels)

    def forward(self, x: Tensor, rotation: Rotation | None = None) -> Tensor:
        """x: (..., n, channels) -> like x; every position attends to the n positions of its sequence."""
        normed, width = self.norm(x).flatten(0, -3), self.out.in_features
        # Two products: values of a joint one would keep the queries and keys alive after these have been rotated.
        to_qk, to_v = self.qkv.weight.split((2 * width, width))
        qk = rearrange(functional.linear(normed, to_qk), "s n (two k d) -> two s k n d", two=2, k=self.heads)
        v = rearrange(functional.linear(normed, to_v), "s n (k d) -> s k n d", k=self.heads)
        q, k = qk if rotation is None else rotation(qk)
        return self.out(rearrange(attend(q, k, v), "s k n d -> s n (k d)")).view(x.shape)

    def pool(self, x: Tensor) -> Tensor:
        """x: (s, n, channels) -> (s, channels): what position 0 alone gathers from all n."""
        normed, width = self.norm(x), self.out.in_features
        to_q, to_kv = self.qkv.weight.split((width, 2 * width))
        q = rearrange(functional.linear(normed[:, 0], to_q), "s (k d) -> s k 1 d", k=self.heads)
        k, v = rearrange(functional.linear(normed, to_kv), "s n (two k d) -> two s k n d", two=2, k=self.heads)
        return self.out(rearrange(attend(q, k, v), "s k 1 d -> s (k d)"))


class GatedMLP(nn.Module):
    """The branch MLP(norm(x)) with GEGLU (Shazeer 2020, arXiv 2002.05202), to be added to x."""

    def __init__(self, channels: int, expansion: int = 4) -> None:
        super().__init__()
        self.norm = LayerNorm(channels)
        self.up = nn.Linear(channels, 2 * expansion * channels)
        self.down = nn.Linear(expansion * channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """x: (..., channels) -> like x."""
        normed = self.norm(x)
        # Two products: halves of a joint one are strided, and GELU and its gradient are slow on strided input.
        halves = zip(self.up.weight.chunk(2), self.up.bias.chunk(2), strict=True)
        value, gate = (functional.linear(normed, weight, bias) for weight, bias in halves)
        return self.down(value * functional.gelu(gate))


class MLP(nn.Module):
    """The branch MLP(norm(x)) with GELU, to be added to x."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.norm = LayerNorm(channels)
        self.up = nn.Linear(channels, hidden)
        self.down = nn.Linear(hidden, channels)

    def forward(self, x: Tensor) -> Tensor:
        """x: (..., channels) -> like x."""
        return self.down(functional.gelu(self.up(self.norm(x))))
