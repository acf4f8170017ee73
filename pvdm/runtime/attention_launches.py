"""Softmax attention of any number of sequences: within what a GPU's kernels take in one launch, fast on a CPU."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from pvdm.runtime.precision import CPU_HAS_BFLOAT16, without_autocast

MAX_SEQUENCES = 2**16 - 1
"""Sequences in one launch: CUDA's largest grid extent (PyTorch issue 146704)."""

MAX_VALUES = 2**31 - 1
"""Values that FlashAttention's backward pass can index in 32 bits, padded to 128 positions and at least 32 channels."""


CACHED_SCORES = 2**22
"""Scores that a CPU's caches hold, about: up to so many, products of bfloat16 are faster than a fused kernel."""


def attend(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None) -> Tensor:
    """Scaled dot-product attention; q: (s, heads, queries, d), k and v: (s, heads, n, d) -> like q.

    On a GPU the sequences are split where they exceed what one launch can take. On a CPU the backward pass of the fused
    kernel takes three times as long in bfloat16 as in float32: short sequences are computed by products instead, with a
    softmax in float32, and long ones in float32.

    Args:
        mask: True for keys that are attended to; bool, (s, 1, 1, n). No sequence may be without one.
    """
    if q.device.type == "cpu" and q.dtype.itemsize < 4:
        with without_autocast(q.device):
            return _attend_on_cpu(q, k, v, mask)
    if not q.is_cuda or len(q) <= (limit := max_sequences(q.shape, k.shape[2])):
        return functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    masks = [None] * math.ceil(len(q) / limit) if mask is None else mask.split(limit)
    parts = zip(q.split(limit), k.split(limit), v.split(limit), masks, strict=True)
    return torch.cat([functional.scaled_dot_product_attention(*part) for part in parts])


def _attend_on_cpu(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
    is_short = q.shape[0] * q.shape[1] * q.shape[2] * k.shape[2] <= CACHED_SCORES
    if not (is_short and q.dtype == torch.bfloat16 and CPU_HAS_BFLOAT16):
        return functional.scaled_dot_product_attention(q.float(), k.float(), v.float(), attn_mask=mask).to(q.dtype)
    scores = (q * q.shape[-1] ** -0.5 @ k.transpose(-2, -1)).float()
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf)
    return scores.softmax(-1).to(v.dtype) @ v


def max_sequences(queries: Sequence[int], keys: int) -> int:
    """Number of sequences that fit one launch, for queries of shape (s, heads, queries, d) and this many keys."""
    _, heads, length, channels = queries
    padded = 128 * math.ceil(max(length, keys) / 128)
    return max(1, min(MAX_SEQUENCES, MAX_VALUES // (heads * padded * max(channels, 32))))
