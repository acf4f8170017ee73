"""Clips of video files and folders of frames: of a plain folder or of a data set."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

import numpy as np
from torch import Tensor

from pvdm.data import IndexCache, Layout, Part, SplitFolders, Video, find_parts, index_videos, some
from pvdm.errors import InputError
from pvdm.evaluation.clips.scaling import Scaling
from pvdm.evaluation.clips.source import Clip, ClipSource
from pvdm.video import number_gap, read_frames

logger = logging.getLogger(__name__)

Choice = Literal["all", "first", "random"]
Start = Literal["first", "middle", "random"]
CHOICE, START, OTHERS = range(3)
"""What is drawn: each is a stream of its own."""


@dataclass(frozen=True)
class VideoSet:
    """The videos of a folder in the order of their paths below it, and what is known of them.

    part: None where the folder has no parts, and all of it is taken.
    """

    root: Path
    layout: Layout
    part: Part | None
    videos: tuple[Video, ...]
    split: int | None = None
    classes: tuple[str, ...] | None = None

    @classmethod
    def find(
        cls,
        root: str | Path,
        *,
        layout: Layout = "folder",
        part: Part = "train",
        split: int = 1,
        folders: SplitFolders | None = None,
    ) -> VideoSet:
        """What is below `root`; a folder without parts of its own is taken whole. What is left out is said.

        `InputError` if the folder is missing, empty or of another layout, or if a video of it cannot be read.
        """
        root = Path(root)
        parts = find_parts(root, layout, split=split, validation_fraction=0.0, folders=folders)
        has_parts = bool(parts.training and parts.validation)
        entries = parts.train_on(part).training if has_parts else parts.entries
        for note in parts.notes:
            logger.warning("%s: %s", root, note)
        cache = IndexCache.of(root)
        index = index_videos(sorted(entries, key=lambda entry: _name(entry.path, root)), cache=cache, progress=True)
        cache.save()
        if index.bad:
            raise InputError(f"{some(index.bad)}", "repair or remove it, so that it is known what is measured")
        if not index.videos:
            raise InputError(f"{root} holds no videos in its part {part}", "choose another --part, or mend the folder")
        _warn_of_gaps(index.videos)
        official = {"split": split if layout == "ucf101" else None, "classes": parts.classes}
        return cls(root, layout, part if has_parts else None, tuple(index.videos), **official)

    def name(self, video: Video) -> str:
        """Path below the root."""
        return _name(video.path, self.root)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the names and sizes of all files, the same wherever the folder lies."""
        return self._digest(_bytes)

    @cached_property
    def marks(self) -> str:
        """SHA-256 of names, sizes and times, which changes when a file does."""
        return self._digest(IndexCache.mark)

    def _digest(self, mark: Callable[[Path], str]) -> str:
        lines = (f"{self.name(video)} {mark(video.path)}" for video in self.videos)
        return sha256(os.fsencode("\n".join(lines))).hexdigest()


class VideoClips(ClipSource):
    """One clip of each of the chosen videos that are long enough; the others are counted in `dropped_short`.

    Args:
        videos: To choose from.
        frames: Of a clip.
        stride: Frame stride: 3 takes every third frame of a video.
        min_frames: Videos shorter than this are dropped too, though a clip would fit into them.
        scaling: To one size; without, the videos must have one.
        choice: All, or `num` of them: the first, or as drawn from the seed; fewer than all are a random choice.
        start: Where a clip begins; random is drawn from the seed and the video's number in the set.
        num: Clips; None takes all there are.
    """

    def __init__(
        self,
        videos: VideoSet,
        *,
        frames: int,
        stride: int = 1,
        min_frames: int | None = None,
        scaling: Scaling = Scaling(),
        choice: Choice = "all",
        start: Start = "first",
        num: int | None = None,
        seed: int = 0,
    ) -> None:
        self.videos, self.frames, self.stride, self.scaling = videos, frames, stride, scaling
        self.start, self.seed = start, seed
        self.classes = videos.classes
        self.needed = max(min_frames or 0, (frames - 1) * stride + 1)
        long = [number for number, video in enumerate(videos.videos) if video.info.frames >= self.needed]
        if not long:
            raise InputError(self._all_too_short())
        self.long, self.available, self.dropped_short = long, len(long), len(videos.videos) - len(long)
        self.besides: dict[str, Any] = {}
        is_cut = num is not None and num < len(long)
        self.choice = "all" if not is_cut else "first" if choice == "first" else "random"
        self.numbers = self._chosen(long, num)
        if scaling.size is None:
            self._check_sizes()

    def __len__(self) -> int:
        return len(self.numbers)

    def read(self, indices: Sequence[int], *, batch_size: int = 1) -> Iterator[Clip]:
        with ThreadPoolExecutor(batch_size) as pool:
            for first in range(0, len(indices), batch_size):
                yield from pool.map(self._clip, indices[first : first + batch_size])

    def others(self, num: int) -> VideoClips | None:
        """Clips of at most `num` of the videos that are long enough and not chosen, drawn at random."""
        left = sorted(set(self.long) - set(self.numbers))
        if not left:
            return None
        found = copy(self)
        order = _generator(self.seed, OTHERS).permutation(len(left))
        found.numbers = sorted(left[position] for position in order[:num])
        found.besides = {"choice": self.choice, "clips": len(self)}
        return found

    def describe(self) -> dict[str, Any]:
        of_parts = {"part": self.videos.part, "split": self.videos.split}
        return {
            "kind": "videos",
            "path": str(self.videos.root),
            "layout": self.videos.layout,
            **{name: value for name, value in of_parts.items() if value is not None},
            "videos": len(self.videos.videos),
            "dropped_short": self.dropped_short,
            "clips": len(self),
            "files_sha256": self.videos.digest,
            "frames": self.frames,
            "stride": self.stride,
            "choice": self.choice,
            **({"besides": self.besides} if self.besides else {}),
            "start": self.start,
            "needed_frames": self.needed,
            "seed": self.seed if self._is_drawn else None,
            **self.scaling.describe(),
        }

    def name(self, index: int) -> str:
        return self.videos.name(self.videos.videos[self.numbers[index]])

    def key(self) -> dict[str, Any]:
        return {**self.describe(), "path": str(self.videos.root.absolute()), "marks": self.videos.marks}

    @property
    def _is_drawn(self) -> bool:
        """Whether the clips depend on the seed."""
        return bool(self.besides) or "random" in (self.start, self.choice)

    def _chosen(self, long: list[int], num: int | None) -> list[int]:
        """Numbers of the videos in the set, ascending."""
        if self.choice != "random":
            return long[:num]
        order = _generator(self.seed, CHOICE).permutation(len(long))
        return sorted(long[position] for position in order[:num])

    def _clip(self, index: int) -> Clip:
        number = self.numbers[index]
        video = self.videos.videos[number]
        return Clip(index, self._read(number, video), self.name(index), video.label)

    def _read(self, number: int, video: Video) -> Tensor:
        """(3, t, h, w) uint8."""
        indices = self.first_frame(number) + self.stride * np.arange(self.frames)
        return self.scaling(read_frames(video.path, indices, info=video.info))

    def first_frame(self, number: int) -> int:
        """Where the clip of a video of the set begins."""
        room = self.videos.videos[number].info.frames - 1 - (self.frames - 1) * self.stride
        if self.start == "random":
            return int(_generator(self.seed, START, number).integers(room + 1))
        return room // 2 if self.start == "middle" else 0

    def _check_sizes(self) -> None:
        first, *others = (self.videos.videos[number] for number in self.numbers)
        size = (first.info.height, first.info.width)
        other = next((video for video in others if (video.info.height, video.info.width) != size), None)
        if other:
            raise InputError(
                f"{first.path} is {size[0]}x{size[1]} and {other.path} is {other.info.height}x{other.info.width}",
                "give videos of one size, or a --size to which they are scaled",
            )

    def _all_too_short(self) -> str:
        lengths = sorted(video.info.frames for video in self.videos.videos)
        found = f"{lengths[0]}" if lengths[0] == lengths[-1] else f"{lengths[0]} to {lengths[-1]}"
        pace = f" at stride {self.stride}" if self.stride > 1 else ""
        return (
            f"the {len(lengths)} video(s) of {self.videos.root} have {found} frames, and a clip of {self.frames} "
            f"frames{pace} needs {self.needed}; give longer videos, or choose fewer --frames"
        )


def _warn_of_gaps(videos: Sequence[Video]) -> None:
    """One warning for all folders whose numbered frames are not in a row: their clips jump there."""
    folders = [video.path for video in videos if video.path.is_dir()]
    gaps = {folder: gap for folder in folders if (gap := number_gap(folder))}
    if not gaps:
        return
    folder, (before, after) = next(iter(gaps.items()))
    such = f"{folder} has a gap" if len(gaps) == 1 else f"{len(gaps)} folders have gaps, such as {folder}"
    logger.warning("%s between %s and %s: clips jump there; put back what is missing", such, before, after)


def _name(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix()


def _bytes(path: Path) -> str:
    """Size of a file, or names and sizes of the files of a folder."""
    if not path.is_dir():
        return str(path.stat().st_size)
    return " ".join(sorted(f"{file.name}:{file.stat().st_size}" for file in path.iterdir()))


def _generator(seed: int, *key: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))
