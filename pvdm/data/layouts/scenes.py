"""Synthetic scenes, which need no files: they are divided by their numbers, and their classes are motions."""

from __future__ import annotations

from pathlib import Path

from pvdm.data.layouts.splits import Entry, SplitOptions, Splits
from pvdm.data.scenes.scene_videos import LENGTH, ROOT, ScenePath
from pvdm.data.scenes.world import MOTIONS

BLOCK = 10**9
"""Numbers of each split: training scenes begin at 0, those for validation at this, and those for testing at twice."""


def find_scenes(root: Path, options: SplitOptions = SplitOptions()) -> Splits:
    """The scenes of the options; of `root` nothing is read."""
    chosen = options.scenes
    frames = chosen.frames or LENGTH
    counts = (chosen.videos, chosen.held_out, chosen.held_out)
    splits = (
        [
            Entry(
                ScenePath(
                    chosen.seed, split * BLOCK + number, frames, chosen.bodies, chosen.camera, chosen.turntable
                ).path,
                number % len(MOTIONS),
            )
            for number in range(count)
        ]
        for split, count in enumerate(counts)
    )
    return Splits(*splits, classes=MOTIONS)


def is_scenes(root: Path) -> bool:
    """Whether a path is `scenes:`, the folder that scenes seem to be in."""
    return root == ROOT
