"""The method in pictures: a real clip, its three planes, and the clip that is rebuilt from them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pvdm.autoencoder import Triplane
from pvdm.autoencoder.triplane import PLANES
from pvdm.demo.demo_folder import Demo
from pvdm.demo.pictures import color_picture, enlarged, forth_and_back, plane_picture, save_picture, write_media
from pvdm.generation import VideoGenerator
from pvdm.video import read_frames, to_float, to_uint8

SCALE = 6
"""How many times the clips are enlarged."""


def show_planes(demo: Demo) -> dict[str, Any]:
    """Writes a real clip, pictures of its planes, and its reconstruction by the autoencoder that training starts from.

    Returns the sizes that the page names.
    """
    generator = VideoGenerator.from_pretrained(demo.settings.start)
    video = real_clip(demo, generator.frames)
    with torch.no_grad():
        planes = generator.autoencoder.encode(to_float(video[None]))
        rebuilt = to_uint8(generator.autoencoder.decode(planes))[0]
        colors = content_colors(generator, planes)
    for name, clip in {"original": video, "rebuilt": rebuilt}.items():
        write_media(demo.media / f"{name}.mp4", forth_and_back(enlarged(clip, SCALE, smooth=True)), fps=demo.fps / 2)
    save_planes(planes, colors, demo.media / "planes")
    count = planes.flatten()[0].numel()
    sizes = {name: list(getattr(planes, name)[0].shape) for name in PLANES}
    return {"planes": {"frames": generator.frames, "pixels": math.prod(video.shape), "values": count, "sizes": sizes}}


def real_clip(demo: Demo, frames: int) -> Tensor:
    """The first clip of the video that is continued later: (3, frames, h, w) uint8."""
    video = demo.continued
    found = read_frames(demo.frames_of(video, "train" if video.trained else "val"), range(frames))
    return torch.from_numpy(found).permute(3, 0, 1, 2)


def content_colors(generator: VideoGenerator, planes: Triplane) -> Tensor:
    """What each channel of a content plane adds to the color of the decoded clip: (channels, 3), pixels in [-1, 1].

    That is the change of the mean color when the channel grows by 1 everywhere. planes: those of one clip, around which
    the changes are measured.
    """
    count = planes.hw.shape[1]
    steps = torch.eye(count, dtype=planes.hw.dtype)[:, :, None, None]
    grown = Triplane(*(plane.expand(count, -1, -1, -1) for plane in planes))
    decode = generator.autoencoder.decode
    changed = decode(Triplane(grown.hw + steps, grown.tw, grown.th)) - decode(planes)
    return changed.mean((2, 3, 4))


def plane_pictures(planes: Triplane, colors: Tensor) -> dict[str, Tensor]:
    """Pictures (3, rows, columns) uint8 of `hw`, `tw` (time downwards) and `th` (time to the right) of the first clip.

    The content plane is drawn in the `colors` (channels, 3) that its channels add, the motion planes as patterns.
    """
    tw, th = (plane_picture(plane[0]) for plane in (planes.tw, planes.th))
    return {"hw": color_picture(planes.hw[0], colors), "tw": tw, "th": th.transpose(1, 2)}


def save_planes(planes: Triplane, colors: Tensor, folder: Path) -> None:
    """Writes `hw.png`, `tw.png` and `th.png`, see `plane_pictures`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, picture in plane_pictures(planes, colors).items():
        save_picture(picture, folder / f"{name}.png", scale=SCALE * 4)
