"""Whole videos in memory: read at a size and a pace of one's choice, and saved, alone or in a grid."""

from pathlib import Path

from torch import Tensor

from pvdm.errors import InputError, check_range
from pvdm.video.grid import grid_video, near_square
from pvdm.video.info import VideoInfo
from pvdm.video.paced import PacedVideo, indices_at
from pvdm.video.writer import write_video


def read_video(
    path: str | Path, *, fps: float | None = None, size: tuple[int, int] | None = None, frames: int | None = None
) -> Tensor:
    """The frames of a video file or a folder of frames: (3, t, h, w) uint8; InputError if it cannot be read.

    Args:
        path: Where it is.
        fps: The pace at which frames are taken; without it, and of a folder, which has none, every frame is taken.
        size: (height, width) that the frames are scaled to cover and then cropped to; their own if not given.
        frames: At most so many, from the first on; all if not given.
    """
    height, width = size or (None, None)
    check_range(1, frames=frames, height=height, width=width)
    video = PacedVideo(path, size, fps)
    return video.read(0, video.frames if frames is None else min(video.frames, frames))


def frames_at(info: VideoInfo, fps: float | None) -> int:
    """How many frames a video has at a pace; without one, and of a folder, which has none, all of its own."""
    return len(indices_at(info, fps))


def save_video(video: Tensor, path: str | Path, *, fps: float, overwrite: bool = True) -> None:
    """Saves a video (3, t, h, w), or several (n, 3, t, h, w) in a grid, uint8, in the format of the path's suffix.

    That is .mp4, .webm, .gif or .webp, or a folder of PNG frames for a name without suffix. fps: the pace at which it
    plays; what a model makes has `generator.fps`. A file of this name is replaced, unless `overwrite` is False.
    InputError if it cannot be written.
    """
    if isinstance(path, Tensor):  # torchvision's write_video and ours have the path first
        video, path = path, video
    if video.ndim not in (4, 5):
        raise InputError(
            f"the video has the shape {tuple(video.shape)}; give (3, t, h, w), or (n, 3, t, h, w) for a grid"
        )
    if video.ndim == 5:
        video = video[0] if len(video) == 1 else grid_video(video, near_square(len(video))[1])
    write_video(path, video, fps=fps, overwrite=overwrite)
