"""I3D, the video classifier whose logits FVD compares, and how clips are scaled for it."""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from pvdm.errors import ArgumentError
from pvdm.video.pixels import to_float

CLASSES = 400

MIXED = {
    "Mixed_3b": (192, (64, 96, 128, 16, 32, 32)),
    "Mixed_3c": (256, (128, 128, 192, 32, 96, 64)),
    "Mixed_4b": (480, (192, 96, 208, 16, 48, 64)),
    "Mixed_4c": (512, (160, 112, 224, 24, 64, 64)),
    "Mixed_4d": (512, (128, 128, 256, 24, 64, 64)),
    "Mixed_4e": (512, (112, 144, 288, 32, 64, 64)),
    "Mixed_4f": (528, (256, 160, 320, 32, 128, 128)),
    "Mixed_5b": (832, (256, 160, 320, 32, 128, 128)),
    "Mixed_5c": (832, (384, 192, 384, 48, 128, 128)),
}
"""Input channels of each mixed layer, and output channels of its convolutions b0, b1a, b1b, b2a, b2b, b3b."""

SPATIAL_POOL = (1, 3, 3), (1, 2, 2)
POOL_4 = (3, 3, 3), (2, 2, 2)
POOL_5 = (2, 2, 2), (2, 2, 2)
BRANCH_POOL = (3, 3, 3), (1, 1, 1)
"""Kernel and stride of the pools: before 2b and 3b, before 4b, before 5b, and in mixed layers."""


class I3D(nn.Module):
    """Two-stream inflated 3D ConvNet, RGB stream (Carreira & Zisserman 2017, arXiv 1705.07750, Fig. 3).

    Its keys are those of `i3d_pretrained_400.pt`. It is always in evaluation mode.
    """

    def __init__(self) -> None:
        super().__init__()
        self.Conv3d_1a_7x7 = Unit(3, 64, kernel=7, stride=2)
        self.Conv3d_2b_1x1 = Unit(64, 64, kernel=1)
        self.Conv3d_2c_3x3 = Unit(64, 192, kernel=3)
        for name, (inward, outward) in MIXED.items():
            self.add_module(name, Mixed(inward, outward))
        self.logits = nn.Sequential()
        self.logits.add_module("conv3d", nn.Conv3d(1024, CLASSES, 1))
        self.eval()

    def train(self, mode: bool = True) -> I3D:
        """Stays in evaluation mode, with the statistics that it was trained with."""
        return super().train(False)

    def forward(self, video: Tensor) -> Tensor:
        """Video (b, 3, t, h, w), float in [-1, 1], meant for h = w = 224 -> logits (b, 400), the mean over time.

        In smaller video the last pool covers the whole frame; in larger video the mean is over space as well.
        ArgumentError for another type or other axes.
        """
        if not video.is_floating_point() or video.ndim != 5 or video.shape[1] != 3:
            raise ArgumentError(
                f"video is {video.dtype} {tuple(video.shape)}",
                "I3D takes floats in [-1, 1], (b, 3, t, h, w); pvdm.video.to_float converts uint8",
            )
        x = pool(self.Conv3d_1a_7x7(video), *SPATIAL_POOL)
        x = pool(self.Conv3d_2c_3x3(self.Conv3d_2b_1x1(x)), *SPATIAL_POOL)
        x = self._mixed(x, "3bc")
        x = self._mixed(pool(x, *POOL_4), "4bcdef")
        x = self._mixed(pool(x, *POOL_5), "5bc")
        window = [min(kernel, size) for kernel, size in zip((2, 7, 7), x.shape[2:], strict=True)]
        return self.logits(functional.avg_pool3d(x, window, stride=1)).mean((2, 3, 4))

    def _mixed(self, x: Tensor, names: str) -> Tensor:
        """The layers of one resolution: "3bc" is Mixed_3b, then Mixed_3c."""
        for letter in names[1:]:
            x = self.get_submodule(f"Mixed_{names[0]}{letter}")(x)
        return x


class Unit(nn.Module):
    """Convolution with "same" padding, batch norm, ReLU."""

    def __init__(self, inward: int, outward: int, *, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.conv3d = nn.Conv3d(inward, outward, kernel, stride, bias=False)
        self.bn = nn.BatchNorm3d(outward)

    def forward(self, x: Tensor) -> Tensor:
        """(b, inward, t, h, w) -> (b, outward, t / stride, h / stride, w / stride), rounded up."""
        before, after = same_padding(x.shape[2:], self.conv3d.kernel_size, self.conv3d.stride)
        if before != after:
            x = functional.pad(x, [side for pair in zip(before[::-1], after[::-1], strict=True) for side in pair])
            before = 0
        x = functional.conv3d(x, self.conv3d.weight, stride=self.conv3d.stride, padding=before)
        return self.bn(x).relu_()


class Mixed(nn.Module):
    """Four parallel branches: 1x1x1; 1x1x1 and 3x3x3 (twice); pool and 1x1x1."""

    def __init__(self, inward: int, outward: Sequence[int]) -> None:
        super().__init__()
        b0, b1a, b1b, b2a, b2b, b3b = outward
        self.b0 = Unit(inward, b0, kernel=1)
        self.b1a, self.b1b = Unit(inward, b1a, kernel=1), Unit(b1a, b1b, kernel=3)
        self.b2a, self.b2b = Unit(inward, b2a, kernel=1), Unit(b2a, b2b, kernel=3)
        self.b3b = Unit(inward, b3b, kernel=1)

    def forward(self, x: Tensor) -> Tensor:
        """(b, inward, t, h, w) -> (b, b0 + b1b + b2b + b3b, t, h, w)."""
        pooled = pool(x, *BRANCH_POOL)
        return torch.cat([self.b0(x), self.b1b(self.b1a(x)), self.b2b(self.b2a(x)), self.b3b(pooled)], 1)


def pool(x: Tensor, kernel: Sequence[int], stride: Sequence[int]) -> Tensor:
    """Max pooling with "same" padding; x is not negative, so zero padding does not change the maximum.

    `ceil_mode` replaces the extra padding on the far side, which is exact for the pools of this network.
    """
    before, _ = same_padding(x.shape[2:], kernel, stride)
    return functional.max_pool3d(x, kernel, stride, padding=before, ceil_mode=True)


def same_padding(size: Sequence[int], kernel: Sequence[int], stride: Sequence[int]) -> tuple[list[int], list[int]]:
    """TensorFlow's "SAME" padding before and after each axis, for ceil(size / stride) windows.

    An odd total has the larger part after the axis.
    """
    lacking = [
        max((-(-length // step) - 1) * step + width - length, 0)
        for length, width, step in zip(size, kernel, stride, strict=True)
    ]
    return [total // 2 for total in lacking], [total - total // 2 for total in lacking]


def random_i3d() -> I3D:
    """I3D with fixed random weights, a function of the keys alone: see `random_value`."""
    network = I3D()
    network.load_state_dict({key: random_value(key, value) for key, value in network.state_dict().items()})
    return network


def random_value(key: str, like: Tensor) -> Tensor:
    """Kernels are normal with variance 2 / fan-in (He et al. 2015, arXiv 1502.01852); other values stay neutral.

    NumPy's generator is seeded with the key, so the values depend neither on the seed nor on the version of torch.
    """
    if like.ndim < 2:
        return torch.zeros_like(like) if key.endswith("conv3d.bias") else like
    generator = np.random.default_rng(zlib.crc32(f"pvdm/i3d-random/{key}".encode()))
    normal = generator.standard_normal(tuple(like.shape), dtype=np.float32)
    return torch.from_numpy(normal * np.float32(np.sqrt(2 / np.prod(like.shape[1:]))))


def square(video: Tensor, size: int) -> Tensor:
    """The center of clips (b, 3, t, h, w) uint8, any h and w -> (b, 3, t, size, size), float32 in [-1, 1].

    The shorter side is scaled to `size`, bilinear without antialiasing, and the longer one is rounded up, as in
    `preprocess_single` of evals/fvd/fvd.py in github.com/sihyun-yu/PVDM, which is VideoGPT's. TATS (tats/fvd/fvd.py of
    github.com/songweige/TATS) differs only where h != w: it scales both sides to `size` and does not crop.
    """
    height, width = scaled_size(*video.shape[-2:], size)
    frames = to_float(video.transpose(1, 2).flatten(0, 1))
    frames = functional.interpolate(frames, (height, width), mode="bilinear", align_corners=False)
    top, left = (height - size) // 2, (width - size) // 2
    frames = frames[..., top : top + size, left : left + size]
    return frames.unflatten(0, (video.shape[0], video.shape[2])).transpose(1, 2).contiguous()


def scaled_size(height: int, width: int, shorter: int) -> tuple[int, int]:
    """Height and width scaled so that the smaller is `shorter`.

    The height of a square is rounded up as well, so it is one too large where the quotient is inexact (400 gives 225
    instead of 224); this is kept for parity.
    """
    scale = shorter / min(height, width)
    if height < width:
        return shorter, math.ceil(width * scale)
    return math.ceil(height * scale), shorter
