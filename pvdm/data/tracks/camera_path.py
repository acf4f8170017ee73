"""The camera at each frame: its angles around what it looks at, or its poses, and both as one vector."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from pvdm.errors import InputError

CAMERA_WIDTH = 18
"""Numbers of a camera's vector, see `CameraPath.vectors`."""

AZIMUTH, TURN, ELEVATION, POSES = "azimuth", "turn", "elevation", "poses"
"""Columns of files; of a table without a header, the columns are the 12 numbers of poses."""

REMEDY = (
    f"give a number for each frame in {AZIMUTH} or {TURN} and {ELEVATION}, in degrees, or 12 numbers of a pose for each"
)


@dataclass(frozen=True, eq=False)
class CameraPath:
    """A camera at n frames, by its angles, its poses, or both. InputError if it has neither, or numbers are missing.

    Args:
        azimuth: (n,) radians about the vertical axis; the camera goes to its own right as it grows.
        elevation: (n,) radians above the horizon.
        poses: (n, 3, 4), from the world to the camera as in OpenCV: x right, y down, z forward.
        is_absolute: Whether azimuth 0 means the same in all videos; if not, only its change counts.
    """

    azimuth: np.ndarray | None = None
    elevation: np.ndarray | None = None
    poses: np.ndarray | None = None
    is_absolute: bool = True

    def __post_init__(self) -> None:
        given = [part for part in (self.azimuth, self.elevation, self.poses) if part is not None]
        if not given or not len(given[0]):
            raise InputError("a camera has neither angles nor poses", REMEDY)
        if len({len(part) for part in given}) > 1:
            raise InputError("a camera has angles or poses of unequal length", REMEDY)
        if not all(np.isfinite(part).all() for part in given):
            raise InputError("a camera has numbers that are not finite", REMEDY)
        if self.poses is not None and (np.abs(np.linalg.det(self.poses[:, :, :3])) < 1e-6).any():
            raise InputError("a camera has a pose whose rotation cannot be inverted", "give 3x4 matrices [R | t]")

    def __len__(self) -> int:
        return len(next(part for part in (self.azimuth, self.elevation, self.poses) if part is not None))

    def at(self, frames: Sequence[int] | np.ndarray) -> CameraPath:
        """The camera at some of the frames; IndexError for one that there is not."""
        parts = {name: getattr(self, name) for name in ("azimuth", "elevation", "poses")}
        return replace(self, **{name: part[np.asarray(frames)] for name, part in parts.items() if part is not None})

    def mirrored(self) -> CameraPath:
        """The camera of the mirrored video."""
        mirror = np.diag([-1.0, 1, 1, 1])
        poses = None if self.poses is None else mirror[:3, :3] @ self.poses @ mirror
        return replace(self, azimuth=None if self.azimuth is None else -self.azimuth, poses=poses)

    def vectors(self) -> np.ndarray:
        """(n, 18) float32: what a denoiser is given of each frame, of this path as one clip.

        These are sine and cosine of the azimuth, if it is absolute, of the azimuth relative to the first frame, and of
        the elevation (SV3D, Voleti et al. 2024, arXiv 2403.12008), and the 12 numbers of the pose relative to the first
        frame, row by row (CameraCtrl, He et al. 2024, arXiv 2404.02101, has poses, too). What is not known is 0.
        """
        found = np.zeros((len(self), CAMERA_WIDTH), np.float32)
        azimuth = self.azimuth
        turn = None if azimuth is None else azimuth - azimuth[0]
        for column, angle in ((0, azimuth if self.is_absolute else None), (2, turn), (4, self.elevation)):
            if angle is not None:
                found[:, column : column + 2] = np.stack([np.sin(angle), np.cos(angle)], axis=1)
        if self.poses is not None:
            whole = np.concatenate([self.poses, np.broadcast_to([[[0.0, 0, 0, 1]]], (len(self), 1, 4))], axis=1)
            found[:, 6:] = (whole @ np.linalg.inv(whole[0]))[:, :3].reshape(len(self), 12)
        return found


def orbit(start: float, end: float, frames: int, elevation: float | None = None) -> CameraPath:
    """A camera that turns evenly from one azimuth to another, all in degrees; at both ends is a frame."""
    height = None if elevation is None else np.full(frames, np.radians(elevation))
    return CameraPath(np.radians(np.linspace(start, end, frames)), height)


@lru_cache(maxsize=1 << 8)  # the samples of a video come one after the other
def read_camera(path: Path) -> CameraPath:
    """The camera of a .json or .csv file with one entry for each frame of the video.

    A table has the columns `azimuth` or `turn`, which is relative, and `elevation`, in degrees; or no header and 12
    columns, the 3x4 matrix from the world to the camera row by row. JSON has the same names with lists of numbers, or
    `poses` with a matrix of 12 numbers, 3x4 or 4x4 for each frame; a list alone is one of poses. InputError otherwise.
    """
    try:
        content = _table(path) if path.suffix.lower() == ".csv" else json.loads(path.read_text(encoding="utf-8-sig"))
        return _camera(content if isinstance(content, dict) else {POSES: content})
    except FileNotFoundError as error:
        raise InputError(f"there is no file {path}", "check the path") from error
    except InputError as error:
        raise InputError(f"{path}: {error.problem}", error.remedy) from error
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"{path} holds no camera ({error})", REMEDY) from error


def _camera(content: dict[str, Any]) -> CameraPath:
    """The camera of named lists of numbers; ValueError if they are none."""
    azimuth, turn, elevation = (
        np.radians(np.array(content[name], np.float64)) if name in content else None
        for name in (AZIMUTH, TURN, ELEVATION)
    )
    if any(part is not None and part.ndim != 1 for part in (azimuth, turn, elevation)):
        raise InputError("a camera's angles are no list of numbers", REMEDY)
    poses = _matrices(np.array(content[POSES], np.float64)) if POSES in content else None
    return CameraPath(turn if azimuth is None else azimuth, elevation, poses, is_absolute=azimuth is not None)


def _matrices(numbers: np.ndarray) -> np.ndarray:
    """(n, 3, 4) of matrices (n, 12), (n, 3, 4) or (n, 4, 4)."""
    if numbers.shape[1:] == (4, 4):
        return numbers[:, :3]
    if numbers.shape[1:] not in ((12,), (3, 4)):
        raise InputError(f"a camera's poses are numbers in the shape {numbers.shape}", REMEDY)
    return numbers.reshape(-1, 3, 4)


def _table(path: Path) -> dict[str, Any]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = [row for row in csv.reader(file) if row]
    if not rows:
        raise InputError("a table without rows", REMEDY)
    header = [name.strip().lower() for name in rows[0]]
    if AZIMUTH in header or TURN in header or ELEVATION in header:
        columns = zip(header, zip(*rows[1:], strict=True), strict=True) if len(rows) > 1 else ()
        return {name: [float(value) for value in column] for name, column in columns}
    return {POSES: [[float(value) for value in row] for row in rows]}
