"""The vectors of a sample's frames, read from files beside its video, or known of a scene."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pvdm.data.index import Index, Video
from pvdm.data.scenes.scene_videos import is_scene, scene_camera
from pvdm.data.tracks.camera_path import CAMERA_WIDTH, CameraPath, read_camera
from pvdm.data.tracks.sound_features import sound_width
from pvdm.data.tracks.video_sound import check_some_sound, sound_of
from pvdm.errors import InputError
from pvdm.video import VideoInfo

SUFFIXES = (".camera.json", ".camera.csv")
"""Of the files beside a video that hold its camera."""


@dataclass(frozen=True)
class FrameTracks:
    """Which vectors samples have.

    Args:
        cameras: Whether they have those of cameras.
        sound: The encoder of sound, see `sound_encoder`; None for samples without.
    """

    cameras: bool = False
    sound: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Which vectors: camera, sound."""
        given = {"camera": self.cameras, "sound": self.sound}
        return tuple(name for name, value in given.items() if value)

    def only(self, *names: str) -> FrameTracks:
        """Of these names alone."""
        return FrameTracks(self.cameras and "camera" in names, self.sound if "sound" in names else None)

    def within(self, others: FrameTracks) -> bool:
        """Whether others have all of these."""
        return self.cameras <= others.cameras and self.sound in (None, others.sound)

    @classmethod
    def union(cls, tracks: Iterable[FrameTracks]) -> FrameTracks:
        """What any of them has."""
        each = list(tracks)
        return cls(any(one.cameras for one in each), next((one.sound for one in each if one.sound), None))

    def of(self, video: Path, info: VideoInfo, frames: np.ndarray, *, mirrored: bool = False) -> dict[str, Any]:
        """The vectors of these frames of a video, and whether it has them; else they are zeros.

        camera: (t, 18) float32, has_camera: bool; sound: (t, d) float32, has_sound: bool.
        """
        found = self.absent(len(frames))
        if self.cameras and (camera := camera_of(video, frames + info.first_frame)) is not None:
            vectors = (camera.mirrored() if mirrored else camera).vectors()
            found |= {"camera": _tensor(vectors), "has_camera": True}
        if self.sound and (heard := sound_of(video, info, frames, self.sound)) is not None:
            found |= {"sound": _tensor(heard), "has_sound": True}
        return found

    def absent(self, frames: int) -> dict[str, Any]:
        """What samples have whose video has nothing of it."""
        widths = {"camera": CAMERA_WIDTH} if self.cameras else {}
        widths |= {"sound": sound_width(self.sound)} if self.sound else {}
        zeros = {name: _tensor(np.zeros((frames, width), np.float32)) for name, width in widths.items()}
        return {**zeros, **{f"has_{name}": False for name in widths}}

    def notes(self, index: Index, root: Path) -> Sequence[str]:
        """Sentences about videos that lack something; InputError if all do, or if a file does not fit its video."""
        if self.sound:
            check_some_sound(index, root)
        if not self.cameras:
            return ()
        with_camera = sum(_has_camera(video) for video in index.videos)
        if not with_camera:
            remedy = "put files such as clip.camera.csv beside its videos, or set data.cameras false"
            raise InputError(f"none of the {len(index.videos)} videos of {root} has a camera", remedy)
        return lacking(len(index.videos), with_camera, "camera")


def camera_of(video: Path, frames: np.ndarray) -> CameraPath | None:
    """The camera at some frames of a video; None if it has none."""
    if is_scene(video):
        return CameraPath(*scene_camera(video, frames))
    path = _camera_file(video)
    return None if path is None else read_camera(path).at(frames)


def _camera_file(video: Path) -> Path | None:
    names = (video.with_name(video.stem + suffix) for suffix in SUFFIXES)
    return next((name for name in names if name.is_file()), None)


def _has_camera(video: Video) -> bool:
    """InputError if it is of another length."""
    path = _camera_file(video.path)
    needed = video.info.first_frame + video.info.frames
    if path is not None and len(read_camera(path)) < needed:
        problem = f"{path} is of {len(read_camera(path))} frames, and its video has {needed}"
        raise InputError(problem, "give an entry for each frame of the video")
    return path is not None


def lacking(videos: int, given: int, name: str) -> Sequence[str]:
    """A sentence if some of the videos do not have what is named."""
    return [] if given == videos else [f"{videos - given} of {videos} videos have no {name}"]


def _tensor(vectors: np.ndarray) -> Any:
    import torch

    return torch.from_numpy(vectors)
