"""The vectors of the frames of cached clips, cameras and sound, beside their latents."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pvdm.data.latents.encoding_plan import LatentPlan, Shard

MIRRORED_CAMERA = "camera.mirrored"
"""The tensor of the cameras of mirrored clips; they hear what the others hear."""


def track_tensors(plan: LatentPlan, shard: Shard, root: Path) -> dict[str, Tensor]:
    """The tensors of a shard's tracks; InputError if a file beside a video cannot be read.

    "camera" (rows, t, 18) and "sound" (rows, t, d), float32, as far as the plan has them; whether a clip's video has
    them, "has_camera" and "has_sound", (rows,) bool; and "camera.mirrored" if some clips are mirrored.

    root: Folder that the plan's videos are relative to.
    """
    found: dict[str, list[Tensor]] = defaultdict(list)
    clips = [(video, row) for video, rows in plan.videos_in(shard) for row in rows] if plan.tracks.names else []
    for place, (video, row) in enumerate(clips):
        path, frames = root / video.path, plan.grid.frames(row, video.info)
        for name, value in plan.tracks.of(path, video.info, frames).items():
            found[name].append(torch.as_tensor(value))
        if plan.tracks.cameras and place < shard.mirrored:
            mirrored = plan.tracks.only("camera").of(path, video.info, frames, mirrored=True)
            found[MIRRORED_CAMERA].append(mirrored["camera"])
    return {name: torch.stack(values) for name, values in found.items()}


def track_sizes(plan: LatentPlan, shard: Shard) -> dict[str, list[int]]:
    """The sizes of the tensors of a shard's tracks, without the last one of vectors."""
    rows, sizes = shard.stop - shard.first, {}
    for name in plan.tracks.names:
        sizes |= {name: [rows, plan.clip.frames], f"has_{name}": [rows]}
    if plan.tracks.cameras and shard.mirrored:
        sizes[MIRRORED_CAMERA] = [shard.mirrored, plan.clip.frames]
    return sizes


def stored_tracks(file: Any, names: Collection[str], place: int, *, mirrored: bool) -> dict[str, Any]:
    """The vectors with these names of the clip at a place of a shard, as `FrameTracks.of` gives them."""
    found = {}
    for name in names:
        stored = MIRRORED_CAMERA if mirrored and name == "camera" else name
        has = bool(file.get_slice(f"has_{name}")[place])
        found |= {name: file.get_slice(stored)[place], f"has_{name}": has}
    return found
