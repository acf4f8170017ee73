"""Softmax attention of any number of sequences: within what a GPU's kernels take in one launch, fast on a CPU."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from pvdm.runtime.precision import without_autocast

MAX_SEQUENCES = 2**16 - 1
"""Sequences in one launch: CUDA's largest grid extent (PyTorch issue 146704)."""

MAX_VALUES = 2**31 - 1
"""Values that FlashAttention's backward pass can index in 32 bits, padded to 128 positions and at least 32 channels."""


def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Scaled dot-product attention; q: (s, heads, queries, d), k and v: (s, heads, n, d) -> like q.

    On a GPU the sequences are split where they exceed what one launch can take. On a CPU smaller floats are computed in
    float32, for the backward pass of short sequences takes three times as long in bfloat16.
    """
    if q.device.type == "cpu" and q.dtype.itemsize < 4:
        with without_autocast(q.device):
            return functional.scaled_dot_product_attention(q.float(), k.float(), v.float()).to(q.dtype)
    if not q.is_cuda or len(q) <= (limit := max_sequences(q.shape, k.shape[2])):
        return functional.scaled_dot_product_attention(q, k, v)
    parts = zip(q.split(limit), k.split(limit), v.split(limit), strict=True)
    return torch.cat([functional.scaled_dot_product_attention(*part) for part in parts])


def max_sequences(queries: Sequence[int], keys: int) -> int:
    """Number of sequences that fit one launch, for queries of shape (s, heads, queries, d) and this many keys."""
    _, heads, length, channels = queries
    padded = 128 * math.ceil(max(length, keys) / 128)
    return max(1, min(MAX_SEQUENCES, MAX_VALUES // (heads * padded * max(channels, 32))))
