"""Videos of a few pixels that are not their own mirror images, and their latents by a miniature autoencoder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fuzzing import encode as write
from fuzzing import moving
from training.miniature import AUTOENCODER

from pvdm.generation import VideoGenerator
from pvdm.training import ClipData, VideoData, data_module
from pvdm.training.latent_encoding import encode, plan_of

FRAMES = {"train/b/0": 20, "train/a/1": 31, "train/b/2": 6, "train/a/3": 9, "val/a/4": 17, "val/b/5": 8}
"""Of each video; the third is too short for a context."""


def make_videos(folder: Path) -> Path:
    """Two classes of videos, for training and for validation."""
    for name, frames in FRAMES.items():
        write(folder / f"{name}.mp4", moving(frames + len(name), 16, 24)[-frames:])
    return folder


def data(path: Path, **options: Any) -> ClipData:
    """Samples of two clips, set up; mirrored, with labels."""
    size = {"frames": AUTOENCODER.frames, "height": AUTOENCODER.height, "width": AUTOENCODER.width}
    more = {"layout": "classes", "clips": 2, "batch_size": 3, "workers": 0, "horizontal_flip": True}
    found = data_module(path, **{**size, **more, **options})
    found.setup("fit")
    return found


def settings(**changes: Any) -> dict[str, Any]:
    """Of the encoding: every start, mirrored as well."""
    first = {"stride": 1, "flips": True, "dtype": "float16", "precision": "32", "clips_per_shard": 16}
    return {**first, **changes}


def encoded(videos: VideoData, generator: VideoGenerator, folder: Path, batch_size: int = 4, **changes: Any) -> Path:
    """The folder of the latents of these videos."""
    plan = plan_of(videos.collection, generator.autoencoder, settings(**changes))
    encode(plan, folder, root=videos.options.path, generator=generator, batch_size=batch_size)
    return folder
