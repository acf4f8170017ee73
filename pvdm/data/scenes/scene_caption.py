"""What is seen in a clip of a scene, in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

import numpy as np

from pvdm.data.scenes.moving_camera import Camera
from pvdm.data.scenes.rendering.ray_caster import segment
from pvdm.data.scenes.rendering.surfaces import COLORS, Finish, Pattern
from pvdm.data.scenes.scene_events import passes
from pvdm.data.scenes.scene_facts import NOTICED, Direction, direction_of
from pvdm.data.scenes.world import Body, Shape, Size, World

GLANCES, SIDE, SEEN = 5, 48, 5
"""A body is in a caption if, in one of so many frames of so many pixels a side, it covers so many of them."""

WAYS: dict[Direction, str] = {
    "to and fro": "to and fro",
    "right": "to the right",
    "left": "to the left",
    "away": "away from the camera",
    "towards": "towards the camera",
}
"""Words for the directions on the ground."""

TIMES = ("", "", " twice", " three times", " four times", " five times")

WORDS = " ".join(
    (
        "a an the and in of to",
        *(" ".join(get_args(kind)) for kind in (Shape, Size, Finish, Pattern)),
        *COLORS,
        "turns clockwise counterclockwise stands still rolls slides to and fro to the right to the left",
        "away from the camera towards the camera bounces rises falls and passes behind in front of",
        *TIMES,
        "many times orbits moves closer back",
    )
)
"""Every word of the captions."""


def caption_of(world: World, camera: Camera, times: np.ndarray, shape: tuple[int, int] = (1, 1)) -> str:
    """One sentence about what a camera sees at some times (in seconds): every body in the picture, and the camera.

    `a large red sphere bounces, a small blue striped cube stands still; the camera orbits to the left`

    shape: Height and width of the picture in any unit.
    """
    seen = _seen(world, camera, times, shape)
    clauses = [f"{noun_of(body)} {_action(body, camera, times)}{_passing(body, seen, camera, times)}" for body in seen]
    return "; ".join([*([", ".join(clauses)] if clauses else []), _camera(camera, times)])


def turntable_caption(world: World, cameras: Sequence[Camera], moment: float, shape: tuple[int, int]) -> str:
    """One sentence about what several cameras see at one moment: every body in a picture of one of them.

    `a large red sphere stands still, a small blue striped cube stands still; the camera orbits to the right`
    """
    now, some = np.array([moment]), np.unique(np.linspace(0, len(cameras) - 1, GLANCES).round().astype(int))
    seen = [body for number in some for body in _seen(world, cameras[number], now, shape)]
    clauses = [f"{noun_of(body)} stands still" for body in world.bodies if body in seen]
    side = "right" if cameras[-1].azimuth > cameras[0].azimuth else "left"
    return "; ".join([*([", ".join(clauses)] if clauses else []), f"the camera orbits to the {side}"])


def _seen(world: World, camera: Camera, times: np.ndarray, shape: tuple[int, int]) -> list[Body]:
    """The bodies that are not too small to see in a small picture of one of a few frames."""
    some = times[np.unique(np.linspace(0, len(times) - 1, GLANCES).round().astype(int))]
    height, width = (max(1, round(SIDE * length / min(shape))) for length in shape)
    found = segment(world, camera, some, height, width)
    return [body for number, body in enumerate(world.bodies, 1) if (found == number).sum(axis=(1, 2)).max() >= SEEN]


def noun_of(body: Body) -> str:
    """`a small glossy blue striped cube`; what is usual (a medium size, a matt and plain surface) is left out."""
    surface = body.surface
    words = [body.size, surface.finish, surface.color, surface.pattern, body.shape]
    words = [word for word in words if word not in ("medium", "matt", "plain")]
    return f"{'an' if words[0][0] in 'aeio' else 'a'} {' '.join(words)}"


def _action(body: Body, camera: Camera, times: np.ndarray) -> str:
    motion = body.motion
    if motion.kind == "turn":
        return f"turns {'counterclockwise' if motion.spin > 0 else 'clockwise'}"
    if motion.kind == "bounce":
        return _bouncing(body, times)
    if motion.kind == "stand":
        return "stands still"
    direction = direction_of(body, camera, times)
    if direction == "none":
        return "stands still"
    return f"{'rolls' if motion.kind == 'roll' else 'slides'} {WAYS[direction]}"


def _bouncing(body: Body, times: np.ndarray) -> str:
    """What a bouncing body does between the first and the last frame."""
    moments, _ = body.motion.impacts
    count = int(((moments > times[0]) & (moments <= times[-1])).sum())
    if count:
        return "bounces" + (TIMES[count] if count < len(TIMES) else " many times")
    height = body.motion.lift(times)
    if np.ptp(height) < NOTICED:
        return "stands still"
    rises, falls = height.max() - height[0] > NOTICED, height.max() - height[-1] > NOTICED
    return "rises and falls" if rises and falls else "rises" if rises else "falls"


def _passing(body: Body, others: Sequence[Body], camera: Camera, times: np.ndarray) -> str:
    """Which other bodies it passes, as the camera sees it."""
    if not body.motion.reach:
        return ""
    found = [(other, passes(body, other, camera, times)) for other in others if other is not body]
    clauses = [
        f" and passes {'behind' if is_behind[0] else 'in front of'} the {other.surface.color} {other.shape}"
        for other, (_, is_behind) in found
        if len(is_behind)
    ]
    return "".join(clauses)


def _camera(camera: Camera, times: np.ndarray) -> str:
    if camera.kind == "orbit" and len(times) > 1:
        return f"the camera orbits to the {'right' if camera.speed > 0 else 'left'}"
    distance = np.linalg.norm(camera.poses(times).eye - np.array(camera.target), axis=1)
    nearer, farther = distance[0] - distance.min() > NOTICED, distance.max() - distance[0] > NOTICED
    if not (nearer or farther):
        return "the camera stands still"
    if nearer and distance[-1] - distance.min() > NOTICED:
        return "the camera moves closer and back"
    if farther and distance.max() - distance[-1] > NOTICED:
        return "the camera moves away and back"
    return f"the camera moves {'closer' if nearer else 'away'}"
