"""Cameras that users give: an orbit in words, a file, or a path, as vectors of the frames of each clip."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pvdm.data.tracks.camera_path import CAMERA_WIDTH, CameraPath, orbit, read_camera
from pvdm.errors import InputError

NUMBER = r"(-?\d+(?:\.\d+)?)"
ORBIT = re.compile(rf"orbit:{NUMBER}\.\.{NUMBER}(?:@{NUMBER})?")

__all__ = ["CAMERA_WIDTH", "Camera", "CameraPath", "camera_path", "camera_rows"]

Camera = CameraPath | str | Path
"""A path; `orbit:0..360` or `orbit:0..360@20`, azimuths from the first frame to the last and an elevation, in degrees;
or a file, see `read_camera`."""


def camera_path(camera: Camera, frames: int) -> CameraPath:
    """The camera of a video of so many frames; InputError if it is of another length, or none at all."""
    if isinstance(camera, str) and camera.startswith("orbit"):
        found = ORBIT.fullmatch(camera)
        if not found:
            remedy = (
                "give degrees from the first frame to the last, and an elevation if you like, as in orbit:0..360@20"
            )
            raise InputError(f"the camera is {camera}", remedy)
        start, end, elevation = (None if number is None else float(number) for number in found.groups())
        return orbit(start, end, frames, elevation)
    path = camera if isinstance(camera, CameraPath) else read_camera(Path(camera))
    if len(path) != frames:
        name = "the camera" if isinstance(camera, CameraPath) else camera
        raise InputError(f"{name} is of {len(path)} frames", f"this video has {frames}, give one pose for each")
    return path


def camera_rows(camera: CameraPath, start: int, frames: int) -> Tensor:
    """Vectors (1, frames, 18) of the clip that begins with frame `start`; the last frame is held beyond the end."""
    return torch.from_numpy(camera.at(np.minimum(start + np.arange(frames), len(camera) - 1)).vectors())[None]
