"""The patch discriminator of frames and of clips."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

MOST = 8
"""Width of a discriminator's widest layer, as a multiple of that of its first."""

GROUP = 16
"""Channels per group of the group norm, so that even a single position has a variance."""


class PatchDiscriminator(nn.Module):
    """Judges overlapping patches of frames or clips; PatchGAN, Isola et al. 2017, arXiv 1611.07004.

    In three dimensions it is that of TATS (Ge et al. 2022, arXiv 2204.03638) and of the released PVDM, whose padding of
    2 admits planes of any size. Group norm replaces their batch norm, which would make a sample's gradient depend on
    the other samples of its process.

    Args:
        strides: Strides of the downsampling layers, each along (h, w) or (t, h, w); see `frame_strides`,
            `clip_strides`.
        channels: Channels of the first layer; each further layer doubles them, up to a factor of eight.
    """

    def __init__(self, strides: Sequence[tuple[int, ...]], *, channels: int = 64) -> None:
        super().__init__()
        dimensions = len(strides[0])
        convolution = {2: nn.Conv2d, 3: nn.Conv3d}[dimensions]
        widths = [3, *(channels * min(MOST, 2**index) for index in range(len(strides) + 1))]
        layers = []
        for index, stride in enumerate([*strides, (1,) * dimensions]):
            layer = [convolution(widths[index], widths[index + 1], kernel_size=4, stride=stride, padding=2)]
            norm = [nn.GroupNorm(_groups(widths[index + 1]), widths[index + 1])] if index > 0 else []
            layers.append(nn.Sequential(*layer, *norm, nn.LeakyReLU(0.2)))
        self.layers = nn.ModuleList(layers)
        self.to_logits = convolution(widths[-1], 1, kernel_size=4, padding=2)
        self.apply(_initialize)

    def forward(self, pixels: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Logits (b, patches), float32, and the features of each layer.

        pixels: (b, 3, h, w) or (b, 3, t, h, w), float in [-1, 1].
        """
        features = []
        # On a CPU in float32: oneDNN's bf16 gradients of 3D weights are garbage if the clip is shorter than the kernel.
        with torch.autocast("cpu", enabled=False):
            for layer in self.layers:
                pixels = layer(pixels)
                features.append(pixels)
            return self.to_logits(pixels).flatten(1).float(), features


def frame_strides(layers: int) -> list[tuple[int, ...]]:
    """Every layer halves height and width."""
    return [(2, 2)] * layers


def clip_strides(layers: int, frames: int) -> list[tuple[int, ...]]:
    """Every layer halves height and width, and those that still have at least 4 frames halve these."""
    return [(2 if frames >> index >= 4 else 1, 2, 2) for index in range(layers)]


def _groups(channels: int) -> int:
    return channels // GROUP if channels % GROUP == 0 else 1


def _initialize(module: nn.Module) -> None:
    """Normal of standard deviation 0.02, as pix2pix."""
    if isinstance(module, (nn.Conv2d, nn.Conv3d)):
        nn.init.normal_(module.weight, std=0.02)
        nn.init.zeros_(module.bias)
