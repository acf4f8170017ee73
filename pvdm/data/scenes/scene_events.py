"""What happens in a scene: impacts on the ground, and bodies that pass one another, at exact times."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from pvdm.data.scenes.moving_camera import Camera
from pvdm.data.scenes.world import Body, World


@dataclass(frozen=True)
class Event:
    """Something that happens in a clip.

    Args:
        time: Seconds after the first frame.
        kind: What happens.
        body: Number of the body in the world.
        speed: In metres per second, at an impact just before it.
        other: Number of the body that it passes.
    """

    time: float
    kind: Literal["impact", "passes behind", "passes in front"]
    body: int
    speed: float | None = None
    other: int | None = None


def events_of(world: World, camera: Camera, start: float, stop: float) -> list[Event]:
    """All events from `start` to `stop` (seconds), by time. Passings are those that the camera sees."""
    events = []
    times = np.arange(start, stop, 0.005)
    for number, body in enumerate(world.bodies):
        moments, speeds = body.motion.impacts
        within = (moments >= start) & (moments < stop)
        pairs = zip(moments[within].tolist(), speeds[within].tolist(), strict=True)
        events += [Event(moment - start, "impact", number, speed) for moment, speed in pairs]
        for other, there in enumerate(world.bodies):
            if other == number or not body.motion.reach or not len(times):
                continue
            for moment, is_behind in zip(*(each.tolist() for each in passes(body, there, camera, times)), strict=True):
                kind = "passes behind" if is_behind else "passes in front"
                events.append(Event(moment - start, kind, number, None, other))
    return sorted(events, key=lambda event: event.time)


def passes(body: Body, other: Body, camera: Camera, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(n,) times between two given ones at which the picture of one body crosses that of another, and if behind it."""
    across, down, depth = _seen(body, camera, times)
    its_across, its_down, its_depth = _seen(other, camera, times)
    side = across - its_across
    crosses = np.flatnonzero(side[:-1] * side[1:] < 0)
    sizes = body.scale / depth + other.scale / its_depth
    crosses = crosses[np.abs(down - its_down)[crosses] < 0.8 * sizes[crosses]]
    share = side[crosses] / (side[crosses] - side[crosses + 1])
    return times[crosses] + share * (times[crosses + 1] - times[crosses]), depth[crosses] > its_depth[crosses]


def _seen(body: Body, camera: Camera, times: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(t,) each: how far to the right and down in the picture the centre is, by its depth, and the depth."""
    poses = camera.poses(times)
    way = body.positions(times) - poses.eye
    right, down, depth = (np.einsum("ti,ti->t", way, axis) for axis in (poses.right, poses.down, poses.forward))
    return right / depth, down / depth, depth
