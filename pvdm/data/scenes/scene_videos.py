"""Videos to read, whether they are files, folders of frames or scenes, which are rendered at the size that is asked.

The path of a scene names no file: `scenes:/100-frames/0-0000000012` is scene 12 of seed 0 as a video of 100 frames,
`scenes:/100-frames-1-body-still/0-0000000012` that with one body and a still camera, and
`scenes:/16-turntable/0-0000000012` one moment of it from 16 places around it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pvdm.data.scenes.moving_camera import Camera, CameraKind
from pvdm.data.scenes.rendered_scene import FPS, RenderedScene, angles_of
from pvdm.data.scenes.rendering.ray_caster import render
from pvdm.data.scenes.world import World
from pvdm.errors import InputError
from pvdm.video import ClipShape, Reader, VideoInfo
from pvdm.video import clip as clips
from pvdm.video import reader as files

if TYPE_CHECKING:
    from torch import Tensor

ROOT = Path("scenes:")
"""The folder that scenes seem to be in."""

SIDE = 256
"""Height and width of a scene that is asked for in no other size."""

LENGTH = 100
"""Frames of a scene, unless a sample needs more; a scene of a single one is a still."""

CAPTIONS = 1 << 15
"""Most captions that are kept, in about as many kilobytes."""

VERSION = 2
"""Changes with the pixels of scenes."""

NAME = re.compile(r"(\d+)-(frames|turntable)(?:-([1-4])-bod(?:y|ies))?(?:-(still|orbit|dolly))?/(\d+)-(\d+)")

MOMENT = 1
"""Purpose of the random stream that draws the moment of a turntable; part of its key."""

LEAST_AND_MOST_TURN = (np.pi / 2, 2 * np.pi)
"""Radians by which the camera of a turntable goes around, to either side: turns differ, so that views depend on it."""


class ScenePath(NamedTuple):
    """What the path of a scene says."""

    seed: int
    index: int
    frames: int
    bodies: int | None = None
    camera: CameraKind | None = None
    turntable: bool = False

    @classmethod
    def of(cls, path: str | Path) -> ScenePath:
        """Inverse of `path`; InputError for any other."""
        path = Path(path)
        found = NAME.fullmatch(path.relative_to(ROOT).as_posix()) if is_scene(path) else None
        if not found:
            raise InputError(f"{path} is not the path of a scene", f"choose --data.layout scenes, or give {ROOT}")
        frames, kind, bodies, camera, seed, index = found.groups()
        return cls(int(seed), int(index), int(frames), bodies and int(bodies), camera, kind == "turntable")

    @property
    def path(self) -> Path:
        """As in `scenes:/100-frames/0-0000000012`."""
        kind = "turntable" if self.turntable else "frames"
        bodies = self.bodies and f"{self.bodies}-{'body' if self.bodies == 1 else 'bodies'}"
        folder = "-".join(filter(None, (f"{self.frames}-{kind}", bodies, self.camera)))
        return ROOT / folder / f"{self.seed}-{self.index:010d}"

    @property
    def world(self) -> World:
        """All that is in the scene."""
        return World.draw(self.seed, self.index, bodies=self.bodies, camera=self.camera)

    def turned(self, world: World, frames: np.ndarray) -> tuple[float, list[Camera]]:
        """Of a turntable the moment, in seconds, and the camera at these frames."""
        draw = np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(self.index, MOMENT)))
        moment, first = float(draw.uniform(0, LENGTH / FPS)), draw.uniform(-np.pi, np.pi)
        turn = draw.uniform(*LEAST_AND_MOST_TURN) * draw.choice((-1, 1))
        angles = (first + turn * frames / max(1, self.frames - 1)).tolist()
        return moment, [replace(world.camera, kind="still", azimuth=angle, speed=0.0, reach=0.0) for angle in angles]


def scene_frames(sample: ClipShape, least: int = LENGTH + 1) -> int | None:
    """The frames of scenes in which such samples fit; None if these are fewer than `least`, so that they fit anyway."""
    span = sample.span(VideoInfo(LENGTH, SIDE, SIDE, FPS))
    return span if span >= least else None


def is_scene(path: str | Path) -> bool:
    """Whether a path is that of a scene or of all scenes."""
    return Path(path).parts[:1] == ROOT.parts


def scene_info(path: Path) -> VideoInfo:
    """What `pvdm.video.probe` says of a file."""
    frames = ScenePath.of(path).frames
    return VideoInfo(frames, SIDE, SIDE, FPS if frames > 1 else 0.0)


def read_frames(
    path: str | Path,
    indices: Sequence[int] | np.ndarray,
    *,
    info: VideoInfo | None = None,
    reader: Reader = "auto",
    size: tuple[int, int] | None = None,
) -> np.ndarray:
    """As `pvdm.video.read_frames`: (t, h, w, 3) uint8.

    size: (height, width) that scenes are rendered in; files keep theirs.
    """
    if not is_scene(path):
        return files.read_frames(path, indices, info=info, reader=reader)
    scene, places = ScenePath.of(path), np.asarray(indices, dtype=np.int64)
    outside = places[(places < 0) | (places >= scene.frames)]
    if len(outside) or not len(places):
        wrong = f"has no frame {outside[0]}" if len(outside) else "was asked for no frame"
        raise InputError(f"{path} {wrong}, only {scene.frames} frames", f"give indices from 0 to {scene.frames - 1}")
    world = scene.world
    if scene.turntable:
        moment, cameras = scene.turned(world, places)
        return np.concatenate([render(world, each, np.array([moment]), *(size or (SIDE, SIDE))) for each in cameras])
    if scene.frames == 1:
        return render(world, world.camera, places[:1] / FPS, *(size or (SIDE, SIDE))).repeat(len(places), axis=0)
    return render(world, world.camera, places / FPS, *(size or (SIDE, SIDE)))


def scene_caption(path: str | Path, shape: ClipShape, indices: np.ndarray) -> str:
    """What is seen in these frames of a scene, in clips of this shape."""
    return _caption(ScenePath.of(path), (shape.height, shape.width), tuple(np.asarray(indices).tolist()))


@lru_cache(maxsize=CAPTIONS)
def _caption(scene: ScenePath, size: tuple[int, int], frames: tuple[int, ...]) -> str:
    """What is seen in frames of a scene, of which five small pictures are drawn to find out."""
    from pvdm.data.scenes.scene_caption import caption_of, turntable_caption

    world = scene.world
    if scene.turntable:
        moment, cameras = scene.turned(world, np.array(frames))
        return turntable_caption(world, cameras, moment, size)
    return caption_of(world, world.camera, np.array(frames) / FPS, size)


def scene_camera(path: str | Path, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(azimuth, elevation) of the camera at these frames of a scene, (t,) radians; azimuth 0 looks along -z."""
    scene = ScenePath.of(path)
    world, places = scene.world, np.asarray(indices, np.float64)
    elevation = np.full(len(places), world.camera.elevation)
    if scene.turntable:
        return np.array([camera.azimuth for camera in scene.turned(world, places)[1]]), elevation
    return world.camera.azimuth + world.camera.speed * places / FPS, elevation


def scene_sound(path: str | Path, start: float, seconds: float, rate: int) -> np.ndarray | None:
    """(n,) float32 in [-1, 1]: the sound of a scene from a time on, at `rate`; None for scenes in which time stands."""
    from pvdm.data.scenes.scene_sound import waveform

    scene = ScenePath.of(path)
    if scene.turntable or scene.frames == 1:
        return None
    return waveform(scene.world, start, round(seconds * rate), rate)


def scene_words() -> str:
    """Every word that captions of scenes may have."""
    from pvdm.data.scenes.scene_caption import WORDS

    return WORDS


def read_covering(
    path: str | Path,
    indices: np.ndarray,
    size: tuple[int, int],
    *,
    info: VideoInfo | None = None,
    crop: tuple[float, float] = (0.5, 0.5),
    reader: Reader = "auto",
) -> Tensor:
    """As `pvdm.video.reader.read_covering`: (3, t, *size) uint8. Scenes are rendered at this size, and not cropped."""
    if not is_scene(path):
        return files.read_covering(path, indices, size, info=info, crop=crop, reader=reader)
    import torch

    frames = read_frames(path, indices, size=size)
    return torch.from_numpy(np.ascontiguousarray(frames.transpose(3, 0, 1, 2)))


def read_clip(
    path: str | Path,
    shape: ClipShape,
    start: int = 0,
    *,
    info: VideoInfo | None = None,
    crop: tuple[float, float] = (0.5, 0.5),
    flip: bool = False,
    reader: Reader = "auto",
) -> Tensor:
    """As `pvdm.video.read_clip`: (3, t, h, w) uint8. Scenes are rendered at this size, and not cropped."""
    if not is_scene(path):
        return clips.read_clip(path, shape, start, info=info, crop=crop, flip=flip, reader=reader)
    clip = read_covering(path, shape.source_indices(start, scene_info(Path(path))), (shape.height, shape.width))
    return clip.flip(-1) if flip else clip


def scene_of(path: str | Path, shape: ClipShape, start: int = 0, *, views: int = 1) -> RenderedScene:
    """The clip that `read_clip` reads, with all that is known of it: caption, camera of each frame, events, sound.

    Its `frames` are those that `read_clip` gives, as (t, h, w, 3). Its sound is that of the time from the first frame
    until the last one ends. `views` are cameras at equal angles around the scene. InputError if the path is not that
    of a scene, or if the clip does not fit in it.
    """
    which, info = ScenePath.of(path), scene_info(Path(path))
    indices = shape.source_indices(start, info)
    if start < 0 or indices[-1] >= which.frames:
        raise InputError(f"{path} has no frame {start if start < 0 else indices[-1]}", "start earlier in the scene")
    step = 1 / shape.fps if shape.fps else shape.stride / FPS
    return RenderedScene(which.world, indices / FPS, shape.height, shape.width, step, angles_of(views))
