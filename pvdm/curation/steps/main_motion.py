"""The main motion of a clip: how much of the picture moves, where to, and how fast."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from pvdm.curation.clip_frames import ClipFrames

PLACES = (0.25, 0.5, 0.75)
"""Of the pairs of frames whose flow is taken, in [0, 1] of the clip."""

PAIR_SECONDS = 0.2
SHORT_SIDE = 128
LEAST_SIDE = 32
"""The flow of smaller pictures is not told: OpenCV's DIS refuses them, or ends the process (12x64, OpenCV 5.0)."""

STILL = 0.03
"""A slower pixel, in short sides of the picture a second, does not move: noise has such flow."""

AXES = {"to the right": (1, 0), "to the left": (-1, 0), "down": (0, 1), "up": (0, -1)}
NEAR_AXIS = np.cos(np.deg2rad(30))


@dataclass(frozen=True)
class Motion:
    """The flow of all pairs.

    Args:
        share: Of the pixels, those that move, in [0, 1].
        speed: Their mean speed, in short sides of the picture a second.
        agreement: The length of the mean of their velocities over `speed`: 1 if all go one way, 0 if every way.
        direction: "to the left", ... if their mean goes along an axis of the picture, else None.
    """

    share: float
    speed: float
    agreement: float
    direction: str | None


def pair_positions(clip: ClipFrames) -> list[float]:
    """Where the frames of the pairs are, in [0, 1]; none for a clip that is too small or of one frame."""
    if not clip.info.fps or clip.frames < 2 or min(clip.info.height, clip.info.width) < LEAST_SIDE:
        return []
    half = min(PAIR_SECONDS / clip.seconds, 0.5) / 2
    return [place + side for place in PLACES for side in (-half, half)]


def motion_of(clip: ClipFrames, pictures: np.ndarray) -> Motion | None:
    """The main motion in pictures, (n, h, w, 3) uint8 RGB, of the frames at `pair_positions`; None without any."""
    seconds = np.diff(clip.numbers(pair_positions(clip)))[::2] / (clip.info.fps or 1)
    pairs = zip(pictures[::2], pictures[1::2], seconds, strict=True)
    return main_motion(velocities(*pair) for pair in pairs if pair[-1] > 0)


def velocities(first: np.ndarray, second: np.ndarray, seconds: float) -> np.ndarray:
    """The optical flow (DIS) between two pictures, (h, w, 3) uint8 RGB: (h, w, 2), in short sides a second, x first."""
    import cv2

    scale = min(1, SHORT_SIDE / min(first.shape[:2]))
    gray = [cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in (first, second)]
    gray = [cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) for picture in gray]
    flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_FAST).calc(*gray, None)
    return flow / (min(gray[0].shape) * seconds)


def main_motion(flows: Iterable[np.ndarray]) -> Motion | None:
    """The motion that velocities, (h, w, 2) each, have in common; None without any."""
    every = [flow.reshape(-1, 2) for flow in flows]
    if not every:
        return None
    velocity = np.concatenate(every).astype(np.float64)
    moving = velocity[np.linalg.norm(velocity, axis=1) >= STILL]
    if not len(moving):
        return Motion(0.0, 0.0, 0.0, None)
    mean, speed = moving.mean(0), float(np.linalg.norm(moving, axis=1).mean())
    length = float(np.linalg.norm(mean))
    along = (name for name, axis in AXES.items() if length and mean @ axis >= NEAR_AXIS * length)
    return Motion(len(moving) / len(velocity), speed, length / speed, next(along, None))
