"""A clip of a scene: what is seen and heard, and all that is known about it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from pvdm.data.scenes.moving_camera import Camera, CameraKind
from pvdm.data.scenes.rendering.ray_caster import render, segment
from pvdm.data.scenes.scene_caption import caption_of
from pvdm.data.scenes.scene_events import Event, events_of
from pvdm.data.scenes.scene_facts import BodyFacts, facts_of
from pvdm.data.scenes.scene_sound import waveform
from pvdm.data.scenes.world import MOTIONS, World
from pvdm.errors import InputError

FPS = 25.0
"""Frames per second of scenes as videos."""


class CameraTrack(NamedTuple):
    """The camera of a view.

    Args:
        intrinsics: (3, 3) float64 in pixels; the first pixel covers 0 to 1.
        extrinsics: (t, 4, 4) float64 from the world (metres, y up) to the camera (x right, y down, z forwards).
    """

    intrinsics: np.ndarray
    extrinsics: np.ndarray


@dataclass(frozen=True)
class RenderedScene:
    """A clip of a scene: frames, views, segments, cameras, caption, events and sound, computed when asked for.

    Args:
        world: All that is in it.
        times: (t,) seconds since the beginning of the scene, of each frame.
        height, width: Size in pixels.
        step: Seconds that a frame lasts.
        angles: How far each view is around the scene from the first one, in radians.
    """

    world: World
    times: np.ndarray
    height: int
    width: int
    step: float = 1 / FPS
    angles: tuple[float, ...] = (0.0,)

    @cached_property
    def frames(self) -> np.ndarray:
        """(t, h, w, 3) uint8: the first view."""
        return self.view(0)

    @cached_property
    def views(self) -> np.ndarray:
        """(v, t, h, w, 3) uint8: all views of the same moments."""
        return np.stack([self.frames, *(self.view(number) for number in range(1, len(self.angles)))])

    def view(self, number: int) -> np.ndarray:
        """(t, h, w, 3) uint8: one view."""
        return render(self.world, self._cameras[number], self.times, self.height, self.width)

    def segments(self, number: int = 0) -> np.ndarray:
        """(t, h, w) uint8: the body in each pixel of a view, counted from 1 as in `world.bodies`; 0 is none."""
        return segment(self.world, self._cameras[number], self.times, self.height, self.width)

    @property
    def cameras(self) -> list[CameraTrack]:
        """The camera of each view."""
        return [
            CameraTrack(camera.intrinsics(self.height, self.width), camera.poses(self.times).extrinsics)
            for camera in self._cameras
        ]

    @property
    def caption(self) -> str:
        """What is seen in the first view, in one sentence."""
        return caption_of(self.world, self.world.camera, self.times, (self.height, self.width))

    @cached_property
    def facts(self) -> list[BodyFacts]:
        """Color, shape, place and direction of each body seen in the first view, the one that covers most first."""
        segments = self.segments()
        found = [
            facts_of(body, segments == number, self.world.camera, self.times)
            for number, body in enumerate(self.world.bodies, 1)
            if (segments == number).any()
        ]
        return sorted(found, key=lambda facts: facts.area, reverse=True)

    @property
    def motion(self) -> str:
        """What the first body does, the class of the scene."""
        return MOTIONS[self.world.label]

    @property
    def events(self) -> list[Event]:
        """Impacts and passings in the first view, from the first frame until the last one ends."""
        return events_of(self.world, self.world.camera, float(self.times[0]), float(self.times[0]) + self.seconds)

    @property
    def seconds(self) -> float:
        """Length of the clip."""
        return len(self.times) * self.step

    def sound(self, rate: float = 16_000) -> np.ndarray:
        """(n,) float32 in [-1, 1], mono: the sound of the clip at `rate` samples per second."""
        return waveform(self.world, float(self.times[0]), round(self.seconds * rate), rate)

    @property
    def _cameras(self) -> list[Camera]:
        return [self.world.camera.beside(angle) for angle in self.angles]


def scene(
    seed: int,
    index: int,
    *,
    frames: int = 16,
    height: int = 64,
    width: int = 64,
    start: int = 0,
    stride: int = 1,
    fps: float = FPS,
    views: int = 1,
    bodies: int | None = None,
    camera: CameraKind | None = None,
) -> RenderedScene:
    """A clip of scene `index` of the world with this seed, a function of its arguments alone.

    Pixels are the same everywhere to within rounding: on other machines at most one value of a thousand differs by
    more than 2 levels.

    Args:
        seed: Of the world, 0 or more.
        index: Which scene, 0 or more; its class is that of index % 5.
        frames: Frames of the clip, at any distance from the beginning.
        height, width: Size in pixels; the smaller side sees equally much at any size.
        start: The first frame.
        stride: Frames from one to the next.
        fps: Frames per second before the stride.
        views: Cameras at equal angles around the scene, all moving alike; captions and events are those of the first.
        bodies: How many bodies are in it, 1 to 4; by default at random.
        camera: What its camera does; by default at random.
    """
    positive = {"frames": frames, "height": height, "width": width, "stride": stride, "fps": fps, "views": views}
    for name, value in {**positive, "seed": seed + 1, "index": index + 1, "start": start + 1}.items():
        if not value > 0:
            raise InputError(f"a scene cannot have {name} {value - (name not in positive)}", "give a larger number")
    times = (start + stride * np.arange(frames)) / fps
    if bodies is not None and not 1 <= bodies <= 4:
        raise InputError(f"a scene cannot have {bodies} bodies", "give a number from 1 to 4")
    world = World.draw(seed, index, bodies=bodies, camera=camera)
    return RenderedScene(world, times, height, width, stride / fps, angles_of(views))


def angles_of(views: int) -> tuple[float, ...]:
    """Angles in radians of cameras that stand equally far apart around a scene, the first of them 0."""
    return tuple(2 * np.pi * number / views for number in range(views))
