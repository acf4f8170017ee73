"""What can be known of the bodies of a clip, as values rather than words: color, shape, place, direction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from pvdm.data.scenes.moving_camera import Camera
from pvdm.data.scenes.world import Body, Shape

Direction = Literal["none", "left", "right", "away", "towards", "to and fro", "up", "down", "up and down"]
DIRECTIONS: tuple[Direction, ...] = get_args(Direction)
"""The directions in which a body moves over a clip, `none` if it keeps its place."""

NOTICED = 0.06
"""Meters that a body must move to be seen moving."""

RETURNED = 0.4
"""A body goes to and fro if its first and last places are closer than this share of the length of its way."""

DOUBT = 1.5
"""Factor within which a threshold makes a direction unclear."""

TOLERANCE = 1.25
"""Factor within which a threshold makes two directions equally true, as the diagonal does of right and away."""


@dataclass(frozen=True)
class BodyFacts:
    """A body of a clip.

    Args:
        color, shape: Their names in captions.
        place: (x, y) of the middle of its visible part in the middle frame, in [0, 1] of the width and the height; of
            the frame nearest to it in which the body is seen.
        direction: Where it goes from the first to the last frame, seen by the camera in the middle.
        is_clear: Whether the direction stays the same if all its thresholds change by half.
        area: Share of the picture that it covers, the mean of all frames.
        is_whole: Whether it is seen in all frames, and away from the borders of the picture.
        also: The directions that are as true of it, those that it has if thresholds change by a quarter.
    """

    color: str
    shape: Shape
    place: tuple[float, float]
    direction: Direction
    is_clear: bool
    area: float
    is_whole: bool
    also: tuple[Direction, ...] = ()


def facts_of(body: Body, mask: np.ndarray, camera: Camera, times: np.ndarray) -> BodyFacts:
    """The facts of a body whose visible pixels are known.

    mask: (t, h, w) bool, with at least one pixel. times: (t,) seconds.
    """
    border = mask[:, [0, -1]].any() or mask[:, :, [0, -1]].any()
    direction = direction_of(body, camera, times)
    return BodyFacts(
        color=body.surface.color,
        shape=body.shape,
        place=middle_of(mask),
        direction=direction,
        is_clear=len(_directions(body, camera, times, DOUBT)) == 1,
        area=float(mask.mean()),
        is_whole=bool(mask.any(axis=(1, 2)).all() and not border),
        also=tuple(sorted(_directions(body, camera, times, TOLERANCE) - {direction})),
    )


def middle_of(weights: np.ndarray) -> tuple[float, float]:
    """(x, y) in [0, 1]: the middle of (t, h, w) weights in the frame nearest to the middle one that has any."""
    frames = np.flatnonzero(weights.any(axis=(1, 2)))
    frame = weights[frames[np.abs(frames - len(weights) // 2).argmin()]]
    height, width = frame.shape
    x = (frame.sum(axis=0) * (np.arange(width) + 0.5)).sum() / frame.sum() / width
    y = (frame.sum(axis=1) * (np.arange(height) + 0.5)).sum() / frame.sum() / height
    return float(x), float(y)


def direction_of(
    body: Body,
    camera: Camera,
    times: np.ndarray,
    *,
    noticed: float = NOTICED,
    returned: float = RETURNED,
    turn: float = 1,
) -> Direction:
    """Where a body goes from the first to the last time.

    noticed, returned: The thresholds of this module. turn: A way is across the picture if it goes at least this many
    times as far to the side as ahead.
    """
    if body.motion.kind == "bounce":
        height = body.motion.lift(times)
        signs: tuple[Direction, Direction, Direction] = ("up and down", "up", "down")
        return _sense(height, noticed, returned, signs)
    if not body.motion.reach or np.ptp(way := body.motion.travelled(times)) < noticed:
        return "none"
    if abs(way[-1] - way[0]) < returned * np.ptp(way):
        return "to and fro"
    places = body.positions(times[[0, -1]])
    poses = camera.poses(times[len(times) // 2 :][:1])
    right, ahead = (places[1] - places[0]) @ poses.right[0], (places[1] - places[0]) @ poses.forward[0]
    if abs(right) >= turn * abs(ahead):
        return "right" if right > 0 else "left"
    return "away" if ahead > 0 else "towards"


def _sense(
    way: np.ndarray, noticed: float, returned: float, names: tuple[Direction, Direction, Direction]
) -> Direction:
    extent, net = np.ptp(way), way[-1] - way[0]
    if extent < noticed:
        return "none"
    return names[0] if abs(net) < returned * extent else names[1] if net > 0 else names[2]


def _directions(body: Body, camera: Camera, times: np.ndarray, factor: float) -> set[Direction]:
    """The directions that a body has if each threshold is multiplied or divided by a factor."""
    return {
        direction_of(body, camera, times, noticed=NOTICED * noticed, returned=RETURNED * returned, turn=turn)
        for noticed in (1 / factor, factor)
        for returned in (1 / factor, factor)
        for turn in (1 / factor, factor)
    }
