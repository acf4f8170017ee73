"""Text in a denoiser: its tokens become keys and values of attention, and their mean joins the time's embedding."""

from __future__ import annotations

from typing import NamedTuple

import torch
from einops import rearrange
from torch import Tensor, nn

from pvdm.diffusion.condition import Condition
from pvdm.diffusion.networks.blocks import zero
from pvdm.errors import ArgumentError
from pvdm.runtime.attention_launches import attend


class TextTokens(NamedTuple):
    """Tokens (b, n, width) of texts, which of them are there (b, n), and which samples have a text (b,), both bool."""

    tokens: Tensor
    mask: Tensor
    given: Tensor


def check_text(config: object, width: int) -> None:
    """ArgumentError for impossible sizes of a denoiser's text."""
    for name, least in (("text_width", 1), ("text_tokens", 1), ("text_layers", 0)):
        value = getattr(config, name)
        if value is not None and value < least:
            raise ArgumentError(f"{name} is {value}", f"it must be at least {least}", option=name)
    if config.text_width and width % config.heads:
        remedy = f"give a multiple of the {config.heads} heads"
        raise ArgumentError(f"the network is {width} wide", remedy, option="heads")


class TextEmbedding(nn.Module):
    """Places the states of a frozen text encoder into the network, and lets them see each other.

    Args:
        text_width: Channels of the states.
        tokens: The most tokens of a text.
        width: Channels of the tokens in the network.
        embedding_channels: Channels of the embedding that the mean of the tokens is added to.
        layers: Transformer layers over the tokens; 0 for an encoder whose states already see each other.
        heads: Attention heads of these.
    """

    def __init__(
        self, text_width: int, tokens: int, width: int, embedding_channels: int, *, layers: int, heads: int
    ) -> None:
        super().__init__()
        self.project = nn.Linear(text_width, width)
        self.position = nn.Parameter(0.1 * torch.randn(tokens, width))
        options = {"dropout": 0.0, "activation": "gelu", "batch_first": True, "norm_first": True}
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(width, heads, 2 * width, **options) for _ in range(layers)
        )
        self.norm = nn.LayerNorm(width)
        self.pooled = zero(nn.Linear(width, embedding_channels, bias=False))

    def forward(self, states: Tensor, mask: Tensor) -> tuple[TextTokens, Tensor]:
        """states: (b, n, text width); mask: (b, n) bool. The tokens, and what to add to the embedding, (b, channels).

        ValueError for more tokens than the network has places for.
        """
        if states.shape[1] > len(self.position) or states.shape[2] != self.project.in_features:
            expected = f"at most {len(self.position)} of {self.project.in_features} channels"
            raise ValueError(f"the text has states {tuple(states.shape[1:])}; this network takes {expected}")
        given = mask.any(1)
        seen = mask | ~given[:, None]  # attention to nothing at all would not be a number
        x = self.project(states) + self.position[: states.shape[1]]
        for layer in self.layers:
            x = layer(x, src_key_padding_mask=~seen)
        x = self.norm(x)
        mean = (x * mask[..., None]).sum(1) / mask.sum(1, keepdim=True).clamp(min=1)
        return TextTokens(x, seen, given), self.pooled(mean) * given[:, None]


class TextAttention(nn.Module):
    """Attention to the tokens of a text by the queries of the attention among positions; starts without effect.

    Args:
        text_width: Channels of the tokens.
        channels: Channels of the positions.
        heads: Attention heads.
    """

    def __init__(self, text_width: int, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.key, self.value = nn.Linear(text_width, channels), zero(nn.Linear(text_width, channels))
        self.norm = nn.RMSNorm(channels // heads)

    def forward(self, q: Tensor, text: TextTokens) -> Tensor:
        """q: (b, heads, positions, channels of a head) -> like q; zeros for samples without text."""
        k, v = (rearrange(layer(text.tokens), "b n (k c) -> b k n c", k=self.heads) for layer in (self.key, self.value))
        mask = rearrange(text.mask, "b n -> b 1 1 n")
        attended = attend(q, self.norm(k.float()).to(v.dtype), v, mask)
        return attended * rearrange(text.given, "b -> b 1 1 1")


def embedded_text(
    embed: TextEmbedding | None, condition: Condition, dtype: torch.dtype
) -> tuple[TextTokens | None, Tensor | float]:
    """The text of a condition as a network takes it, and what to add to its embedding; (None, 0) without a text.

    ValueError if there is one, and the network takes none.
    """
    if (given := condition.tokens(dtype)) is None:
        return None, 0.0
    if embed is None:
        raise ValueError("a text is given to a network without text; leave out the text")
    return embed(*given)
