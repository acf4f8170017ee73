"""Layer norm that autocast leaves in the type of its input."""

from __future__ import annotations

from contextlib import nullcontext

import torch
from torch import Tensor, nn
from torch.nn import functional


class LayerNorm(nn.LayerNorm):
    """In the input's type, the statistics in float32, as the kernels have them.

    On a GPU autocast would make a float32 copy of the input and keep it for the backward pass.
    """

    def forward(self, x: Tensor) -> Tensor:
        weight, bias = self.weight.to(x.dtype), self.bias.to(x.dtype)
        is_meta = x.device.type == "meta"  # where operations are counted, and autocast is not known
        with nullcontext() if is_meta else torch.autocast(x.device.type, enabled=False):
            return functional.layer_norm(x, self.normalized_shape, weight, bias, self.eps)
