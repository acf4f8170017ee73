"""Reads color, shape, place and direction of the bodies of a scene from the pixels of a clip alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from pvdm.data.scenes.scene_facts import DIRECTIONS, Direction, middle_of
from pvdm.data.scenes.world import Shape
from pvdm.errors import InputError
from pvdm.evaluation.scene_reading.body_views import changed, crops_of, glances_of, track_of
from pvdm.evaluation.scene_reading.scene_networks import (
    COLOR_NAMES,
    MIRRORED,
    REVERSED,
    SHAPE_NAMES,
    Follower,
    Painter,
    Recognizer,
)

FRAMES, SIDE = 16, 64
"""The clips that are read: so many frames at 25 frames per second, scaled to so many pixels a side."""

LEAST = 16
"""Pixels of a frame that a body must cover on average to be read."""

WEIGHTS = Path(__file__).parent / "scene_reader.safetensors"
SHA256 = "ed12b46b10e46ace6aea753ce14e02771ec02392f5b0e433e06ac19cfa9c15b3"


@dataclass(frozen=True)
class BodyReading:
    """A body as it is seen in a clip.

    Args:
        color, shape, direction: In the words of `pvdm.data.scenes.BodyFacts`.
        place: (x, y) of its middle in the middle frame, in [0, 1] of the width and the height.
        area: Share of the picture that it covers, the mean of all frames.
        path: (x, y) of its middle in each frame, None where it is not seen.
    """

    color: str
    shape: Shape
    place: tuple[float, float]
    direction: Direction
    area: float
    path: tuple[tuple[float, float] | None, ...] = ()


class SceneReader(nn.Module):
    """The three networks that read scenes."""

    def __init__(self) -> None:
        super().__init__()
        self.painter, self.recognizer, self.follower = Painter(), Recognizer(), Follower()

    @torch.inference_mode()
    def read(self, clip: np.ndarray) -> list[BodyReading]:
        """The bodies of a clip, the one that covers most first; see `read_bodies`."""
        frames = _frames(clip)
        masks = bodies_in(self.painter(frames))
        if not len(masks):
            return []
        shown = frames.expand(len(masks), *frames.shape)
        directions = self._directions(glances_of(shown, masks), track_of(masks))
        colors, shapes = self._names(shown, masks)
        found = zip(masks.numpy(), colors.tolist(), shapes.tolist(), directions.tolist(), strict=True)
        return [
            BodyReading(
                COLOR_NAMES[color],
                SHAPE_NAMES[shape],
                middle_of(mask),
                DIRECTIONS[direction],
                float(mask.mean()),
                tuple(middle_of(frame[None]) if frame.any() else None for frame in mask),
            )
            for mask, color, shape, direction in found
        ]

    def _directions(self, glances: Tensor, track: Tensor) -> Tensor:
        """(n,): directions, by the clip, its mirror image and both backwards together."""
        total = torch.zeros(len(track), len(DIRECTIONS))
        for mirrored in (False, True):
            for backwards in (False, True):
                found = self.follower(*changed(glances, track, mirrored=mirrored, backwards=backwards))[0].log_softmax(
                    1
                )
                found = found[:, MIRRORED] if mirrored else found
                total += found[:, REVERSED] if backwards else found
        return total.argmax(1)

    def _names(self, frames: Tensor, masks: Tensor) -> tuple[Tensor, Tensor]:
        """(n,) each: colors and shapes, by all frames in which a body is seen together."""
        colors = shapes = 0
        for frame in range(0, FRAMES, 3):
            crops, weight = crops_of(frames[:, frame], masks[:, frame]), masks[:, frame].mean((1, 2)).sqrt()[:, None]
            for picture in (crops, crops.flip(-1)):
                color, shape = self.recognizer(picture)
                colors, shapes = colors + weight * color.log_softmax(1), shapes + weight * shape.log_softmax(1)
        return colors.argmax(1), shapes.argmax(1)


def read_bodies(clip: np.ndarray) -> list[BodyReading]:
    """The bodies that are seen in a clip, the one that covers most first; a body is one of each color.

    clip: (16, h, w, 3) uint8 at 25 frames per second, square; it is scaled to 64x64. InputError for any other, and if
    the weights of the package are damaged.
    """
    _check(clip)
    return _reader().read(clip)


def read_scene(clip: np.ndarray) -> BodyReading | None:
    """The body that covers most of a clip; None if there is none. See `read_bodies`."""
    return next(iter(read_bodies(clip)), None)


def bodies_in(logits: Tensor) -> Tensor:
    """(n, t, h, w) in [0, 1]: the masks of the bodies that are large enough, the largest first; their edges are soft.

    logits: (t, 11, h, w), as `Painter` gives them.
    """
    colors = logits.argmax(1)
    areas = torch.bincount(colors.flatten(), minlength=logits.shape[1])
    areas[0] = 0
    order = areas.argsort(descending=True)
    order = order[areas[order] >= LEAST * len(logits)]
    best = (colors == order[:, None, None, None]).float()
    return nn.functional.max_pool2d(best, 3, 1, 1) * logits.softmax(1)[:, order].transpose(0, 1)


def _check(clip: np.ndarray) -> None:
    shape = tuple(clip.shape)
    if clip.dtype != np.uint8 or len(shape) != 4 or shape[0] != FRAMES or shape[1] != shape[2] or shape[3] != 3:
        raise InputError(
            f"a clip of {clip.dtype} values and shape {shape} cannot be read", f"give ({FRAMES}, h, h, 3) uint8"
        )


def _frames(clip: np.ndarray) -> Tensor:
    """(16, 3, 64, 64) float in [-1, 1]."""
    frames = torch.from_numpy(np.ascontiguousarray(clip)).permute(0, 3, 1, 2).float() / 127.5 - 1
    if clip.shape[1] == SIDE:
        return frames
    return nn.functional.interpolate(frames, (SIDE, SIDE), mode="bilinear", antialias=True, align_corners=False)


@lru_cache(maxsize=1)
def _reader() -> SceneReader:
    from safetensors.torch import load_file

    from pvdm.files.weights import sha256_of

    if not WEIGHTS.is_file() or sha256_of(WEIGHTS) != SHA256:
        raise InputError(f"{WEIGHTS}, which reads scenes, is missing or damaged", "reinstall pvdm")
    reader = SceneReader()
    reader.load_state_dict({name: value.float() for name, value in load_file(WEIGHTS).items()})
    return reader.eval()
