"""Two small networks that look at clips of scenes: one paints each pixel by its body, one follows a body."""

from __future__ import annotations

from typing import get_args

import torch
from torch import Tensor, nn

from pvdm.data.scenes.rendering.surfaces import COLORS
from pvdm.data.scenes.scene_facts import DIRECTIONS
from pvdm.data.scenes.world import Shape

COLOR_NAMES = tuple(COLORS)
SHAPE_NAMES: tuple[Shape, ...] = get_args(Shape)

_MIRRORED = {"left": "right", "right": "left"}
_REVERSED = {**_MIRRORED, "away": "towards", "towards": "away", "up": "down", "down": "up"}
MIRRORED, REVERSED = (
    [DIRECTIONS.index(names.get(name, name)) for name in DIRECTIONS] for names in (_MIRRORED, _REVERSED)
)
"""What each direction becomes in a clip that is mirrored, and in one that is played backwards."""


def _block(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


class Painter(nn.Module):
    """A U-Net over single frames: which color of body each pixel has."""

    def __init__(self, widths: tuple[int, int, int, int] = (16, 20, 24, 24)) -> None:
        super().__init__()
        a, b, c, d = widths
        self.stem = nn.Sequential(nn.Conv2d(3, a, 4, 2, 1, bias=False), nn.BatchNorm2d(a), nn.ReLU(inplace=True))
        self.down = nn.ModuleList([_block(a, b, 2), _block(b, c, 2), _block(c, d, 2)])
        self.middle = _block(d, d)
        self.up = nn.ModuleList([_block(d + c, c), _block(c + b, b), _block(b + a, a)])
        self.color = nn.ConvTranspose2d(a, 1 + len(COLOR_NAMES), 2, 2)

    def forward(self, frames: Tensor) -> Tensor:
        """Logits of no body and of each color (n, 11, h, w).

        frames: (n, 3, h, w) float in [-1, 1], h and w divisible by 16.
        """
        kept = [self.stem(frames)]
        for block in self.down:
            kept.append(block(kept[-1]))
        x = self.middle(kept.pop())
        for block, beside in zip(self.up, reversed(kept), strict=True):
            x = block(torch.cat([nn.functional.interpolate(x, scale_factor=2.0), beside], dim=1))
        return self.color(x)


class Recognizer(nn.Module):
    """A classifier of pictures of one body: its color and its shape."""

    def __init__(self, widths: tuple[int, int, int, int] = (16, 32, 48, 64)) -> None:
        super().__init__()
        a, b, c, d = widths
        self.body = nn.Sequential(_block(4, a), _block(a, b, 2), _block(b, c, 2), _block(c, d, 2))
        self.head = nn.Linear(5 * d, len(COLOR_NAMES) + len(SHAPE_NAMES))

    def forward(self, crops: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of the colors (n, 10) and of the shapes (n, 5).

        crops: (n, 4, 32, 32) float: a picture in [-1, 1] around the body, and its mask in [0, 1].
        """
        found = self.body(crops)
        parts = torch.cat([found.mean((2, 3)), nn.functional.adaptive_max_pool2d(found, 2).flatten(1)], dim=1)
        return self.head(parts).split([len(COLOR_NAMES), len(SHAPE_NAMES)], dim=1)


class Follower(nn.Module):
    """Where a body goes over a clip, also before a moving camera: from its track and some of the frames."""

    def __init__(self, frames: int = 16, glances: int = 4, features: int = 11, width: int = 128) -> None:
        super().__init__()
        self.look = nn.Sequential(
            _block(2 * glances, 12, 2), _block(12, 16, 2), _block(16, 20, 2), _block(20, 16, 2), nn.Flatten()
        )
        self.seen = nn.Sequential(nn.Linear(16 * 16, 48), nn.ReLU(inplace=True))
        self.head = nn.Sequential(
            nn.Linear(48 + frames * features, width),
            nn.ReLU(inplace=True),
            nn.Linear(width, width),
            nn.ReLU(inplace=True),
        )
        self.way = nn.Linear(width, 3 * frames)
        self.direction = nn.Sequential(
            nn.Linear(width + 3 * frames, width // 2), nn.ReLU(inplace=True), nn.Linear(width // 2, len(DIRECTIONS))
        )

    def forward(self, glances: Tensor, track: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of the directions (n, 9), and the way (n, 16, 3): meters to the right, up and ahead from its mean.

        glances: (n, 8, 64, 64) float: the gray of four frames in [-1, 1] and the body's mask in them in [0, 1].
        track: (n, 16, 11) float, as `track_of` gives it.
        """
        x = self.head(torch.cat([self.seen(self.look(glances)), track.flatten(1)], dim=1))
        way = self.way(x)
        return self.direction(torch.cat([x, way], dim=1)), way.unflatten(1, (-1, 3))
