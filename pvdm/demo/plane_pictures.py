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
from pvdm.demo.pictures import enlarged, forth_and_back, plane_picture, save_picture, write_media
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
    for name, clip in {"original": video, "rebuilt": rebuilt}.items():
        write_media(demo.media / f"{name}.mp4", forth_and_back(enlarged(clip, SCALE, smooth=True)), fps=demo.fps / 2)
    save_planes(planes, demo.media / "planes")
    count = planes.flatten()[0].numel()
    sizes = {name: list(getattr(planes, name)[0].shape) for name in PLANES}
    return {"planes": {"frames": generator.frames, "pixels": math.prod(video.shape), "values": count, "sizes": sizes}}


def real_clip(demo: Demo, frames: int) -> Tensor:
    """The first clip of the video that is continued later: (3, frames, h, w) uint8."""
    video = demo.continued
    found = read_frames(demo.frames_of(video, "train" if video.trained else "val"), range(frames))
    return torch.from_numpy(found).permute(3, 0, 1, 2)


def save_planes(planes: Triplane, folder: Path) -> None:
    """Writes `hw.png`, `tw.png` (time downwards) and `th.png` (time to the right) of the first clip of a batch."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in PLANES:
        picture = plane_picture(getattr(planes, name)[0])
        save_picture(picture.transpose(1, 2) if name == "th" else picture, folder / f"{name}.png", scale=SCALE * 4)
