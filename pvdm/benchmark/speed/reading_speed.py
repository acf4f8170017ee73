"""How fast clips are read, as training reads them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pvdm.benchmark.speed.measured_model import MeasuredModel
from pvdm.benchmark.speed.measuring import Measured, measure
from pvdm.benchmark.speed.speed_options import SpeedOptions
from pvdm.data import Video
from pvdm.errors import InputError
from pvdm.video import VIDEO_SUFFIXES, ClipShape, probe, read_clip, write_video

MADE, FRAMES, HEIGHT, WIDTH = 4, 180, 240, 320
"""Videos that are made where none are given; number, length and size are about those of UCF101."""

MOST = 64
"""Videos that are read of a folder, one clip of each."""


def read(model: MeasuredModel, options: SpeedOptions) -> Measured:
    """One clip of each video from a random frame: decoded, scaled, cropped, uint8."""
    size = model.autoencoder
    shape = ClipShape(size.frames, size.height, size.width)
    with _videos(options.data) as paths:
        videos = [video for video in (Video(path, probe(path)) for path in paths) if video.info.frames >= size.frames]
        if not videos:
            raise InputError(f"no video of {options.data} has the {size.frames} frames of a clip", "give longer ones")
        generator = np.random.default_rng(0)
        starts = [int(generator.integers(shape.last_start(video.info) + 1)) for video in videos]

        def run() -> None:
            for video, start in zip(videos, starts, strict=True):
                read_clip(video.path, shape, start, info=video.info)

        found = measure(run, options.device, options.repeats)
        found.items = len(videos)
        found.extra["videos"] = "given" if options.data else f"made, {FRAMES} frames of {WIDTH}x{HEIGHT}, H.264"
    return found


def videos_of(folder: Path) -> list[Path]:
    """All videos in a folder and its subfolders, sorted; InputError if there are none."""
    if not folder.is_dir():
        raise InputError(f"there is no folder {folder}", "give one with videos as --data, or leave it out")
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in VIDEO_SUFFIXES)
    if not found:
        raise InputError(f"{folder} holds no videos", "give another folder as --data, or leave it out")
    return found


@contextmanager
def _videos(folder: Path | None) -> Iterator[list[Path]]:
    """Those of the folder, or temporary ones."""
    if folder is not None:
        found = videos_of(folder)
        yield found[:: -(-len(found) // MOST)]
        return
    with tempfile.TemporaryDirectory() as made:
        paths = [Path(made) / f"{index}.mp4" for index in range(MADE)]
        for index, path in enumerate(paths):
            write_video(path, _moving(index), fps=25)
        yield paths


def _moving(seed: int) -> Tensor:
    """A picture of smooth noise that wanders, with a little noise in each frame: (3, t, h, w) uint8."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 3, HEIGHT // 8, WIDTH // 8, generator=generator)
    picture = torch.nn.functional.interpolate(coarse, size=(HEIGHT, WIDTH), mode="bicubic").clamp(0, 1)[0]
    frames = torch.stack([picture.roll((frame, 2 * frame), dims=(1, 2)) for frame in range(FRAMES)], dim=1)
    return (frames * 247).byte() + torch.randint(8, frames.shape, generator=generator, dtype=torch.uint8)
