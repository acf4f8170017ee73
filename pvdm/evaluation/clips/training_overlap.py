"""Whether a model was trained on the videos with which it is compared."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pvdm.data.description import known_share
from pvdm.data.layouts.layout_registry import LAYOUTS
from pvdm.evaluation.clips.video_set import VideoSet
from pvdm.generation import VideoGenerator

PUBLISHED = tuple(name for name, layout in LAYOUTS.items() if layout.split_by)
"""Layouts that identify a data set."""
ENOUGH = 0.5
"""Share of the videos that must be in the training data, in any part of it, for both to count as the same data."""


def other_data(generator: VideoGenerator, videos: VideoSet) -> str | None:
    """A sentence if the model was trained on other data than these videos; None if not, or if it is not known.

    Files are compared, wherever they are, by the fingerprint that a model keeps of its data (training and validation
    part). Without one, the names of the data set and its classes are compared. A published data set counts as the same
    in other files, too, such as scaled ones.
    """
    data = generator.data
    if not data or (data.get("layout") in PUBLISHED and data["layout"] == videos.layout):
        return None
    share = known_share(data.get("files") or "", (video.path for video in videos.videos))
    why = _by_names(generator, videos) if share is None else _by_files(share)
    return why and f"the model was trained on {_description(data)}, and {videos.root} is other data: {why}"


def _by_files(share: float) -> str | None:
    if share >= ENOUGH:
        return None
    return "none of its videos are among them" if not share else f"only {share:.0%} of its videos are among them"


def _by_names(generator: VideoGenerator, videos: VideoSet) -> str | None:
    """Compares the layouts, the name on the data card, and the classes."""
    trained, name = generator.data.get("layout"), (generator.data.get("card") or {}).get("name")
    theirs, ours = set(generator.classes or ()), set(videos.classes or ())
    is_named = bool(name) and videos.layout in _plain(name)
    if trained in PUBLISHED and videos.layout in PUBLISHED and trained != videos.layout:
        return f"it is {videos.layout}"
    if trained not in PUBLISHED and videos.layout in PUBLISHED and name and not is_named:
        return f"it is {videos.layout}"
    if theirs and ours and not theirs & ours:
        return f"it has other classes ({min(ours)} and not {min(theirs)})"
    return None


def _description(data: Mapping[str, Any]) -> str:
    """The training data in a few words: `kittens (folder, 40 videos)`."""
    name, counts = (data.get("card") or {}).get("name"), data.get("videos") or {}
    count = sum(counts.get(part) or 0 for part in ("training", "validation"))
    facts = [data.get("layout") or "layout not recorded", *([f"{count} videos"] if count else [])]
    return (
        f"{name} ({', '.join(facts)})"
        if name
        else f"data of the layout {facts[0]}" + (f" ({facts[1]})" if count else "")
    )


def _plain(name: str) -> str:
    """Lower-case letters and digits only: `UCF-101` is ucf101."""
    return re.sub(r"[^a-z0-9]", "", name.lower())
