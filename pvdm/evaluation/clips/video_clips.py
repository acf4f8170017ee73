"""Clips of video files and folders of frames."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from typing import Any, Literal

import numpy as np
from torch import Tensor

from pvdm.data import Video
from pvdm.data.scenes.scene_videos import read_frames
from pvdm.errors import InputError
from pvdm.evaluation.clips.scaling import Scaling
from pvdm.evaluation.clips.source import Clip, ClipSource
from pvdm.evaluation.clips.video_set import VideoSet

Choice = Literal["all", "first", "random"]
Start = Literal["first", "middle", "random"]
CHOICE, START, OTHERS = range(3)
"""Keys of the random streams, one for each kind of draw."""


class VideoClips(ClipSource):
    """One clip of each chosen video, or `several`; videos that are too short are counted in `dropped_short`.

    Args:
        videos: The videos to choose from.
        frames: Frames of a clip.
        stride: Frame stride: 3 takes every third frame of a video.
        min_frames: Videos shorter than this are dropped, even if a clip would fit into them.
        scaling: Scales all clips to one size; without it, the videos must have the same size.
        choice: Which videos if `num` are fewer than all: "first" takes the first, anything else a random choice.
        start: Where a clip starts; "random" depends on the seed and on the video's number in the set.
        num: Number of clips; None takes one of each video.
        several: If there are fewer videos than `num`, take several clips of each, as evenly as possible.
        seed: Seed of the choice and of the starts.
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
        several: bool = False,
        seed: int = 0,
    ) -> None:
        self.videos, self.frames, self.stride, self.scaling = videos, frames, stride, scaling
        self.start, self.seed = start, seed
        self.classes = videos.classes
        self.needed = 1 if videos.loop else max(min_frames or 0, (frames - 1) * stride + 1)
        long = [number for number, video in enumerate(videos.videos) if video.info.frames >= self.needed]
        if not long:
            raise self._all_too_short()
        self.long, self.available, self.dropped_short = long, len(long), len(videos.videos) - len(long)
        self.besides: dict[str, Any] = {}
        is_cut = num is not None and num < len(long)
        self.choice = "all" if not is_cut else "first" if choice == "first" else "random"
        self.numbers = self._chosen(long, num)
        if several and num and num > len(long):
            rounds, rest = divmod(num, len(long))
            order = _generator(seed, CHOICE).permutation(len(long))
            self.numbers = sorted([*long * rounds, *(long[position] for position in order[:rest])])
        if scaling.size is None:
            self._check_sizes()

    def __len__(self) -> int:
        return len(self.numbers)

    def read(self, indices: Sequence[int], *, batch_size: int = 1) -> Iterator[Clip]:
        with ThreadPoolExecutor(batch_size) as pool:
            for first in range(0, len(indices), batch_size):
                yield from pool.map(self._clip, indices[first : first + batch_size])

    def others(self, num: int) -> VideoClips | None:
        """Clips of at most `num` random videos that are long enough and were not chosen; None if there are none."""
        left = sorted(set(self.long) - set(self.numbers))
        if not left:
            return None
        others = copy(self)
        order = _generator(self.seed, OTHERS).permutation(len(left))
        others.numbers = sorted(left[position] for position in order[:num])
        others.besides = {"choice": self.choice, "clips": len(self)}
        return others

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
            **({"several": True} if self._has_several else {}),
            "files_sha256": self.videos.digest,
            "frames": self.frames,
            "stride": self.stride,
            **({"loop": True} if self.videos.loop else {}),
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

    def group(self, index: int) -> int:
        return self.numbers[index]

    @property
    def _has_several(self) -> bool:
        return len(set(self.numbers)) < len(self.numbers)

    @property
    def _is_drawn(self) -> bool:
        """Whether the clips depend on the seed."""
        return bool(self.besides) or "random" in (self.start, self.choice)

    def _chosen(self, long: list[int], num: int | None) -> list[int]:
        """Numbers of the chosen videos in the set, ascending."""
        if self.choice != "random":
            return long[:num]
        order = _generator(self.seed, CHOICE).permutation(len(long))
        return sorted(long[position] for position in order[:num])

    def _clip(self, index: int) -> Clip:
        number = self.numbers[index]
        video = self.videos.videos[number]
        return Clip(index, self._read(index, video), self.name(index), video.label)

    def _read(self, index: int, video: Video) -> Tensor:
        """(3, t, h, w) uint8."""
        turn = index - bisect_left(self.numbers, self.numbers[index])
        indices = self.first_frame(self.numbers[index], turn) + self.stride * np.arange(self.frames)
        indices = indices % video.info.frames if self.videos.loop else indices
        return self.scaling(read_frames(video.path, indices, info=video.info, size=self.scaling.size))

    def first_frame(self, number: int, turn: int = 0) -> int:
        """The frame at which the clip of this video starts, or that of a later one of `several` clips."""
        last = self.videos.videos[number].info.frames - 1
        room = max(0, last - (self.frames - 1) * self.stride)
        if self.start == "random":
            key = (START, number, turn) if turn else (START, number)
            return int(_generator(self.seed, *key).integers((last if self.videos.loop else room) + 1))
        return room // 2 if self.start == "middle" else 0

    def _check_sizes(self) -> None:
        first, *others = (self.videos.videos[number] for number in self.numbers)
        size = (first.info.height, first.info.width)
        other = next((video for video in others if (video.info.height, video.info.width) != size), None)
        if other:
            raise InputError(
                f"{first.path} is {size[0]}x{size[1]} and {other.path} is {other.info.height}x{other.info.width}",
                "give videos of one size, or scale them with {size}",
            )

    def _all_too_short(self) -> InputError:
        lengths = sorted(video.info.frames for video in self.videos.videos)
        length = f"{lengths[0]}" if lengths[0] == lengths[-1] else f"{lengths[0]} to {lengths[-1]}"
        stride = f" at stride {self.stride}" if self.stride > 1 else ""
        return InputError(
            f"the {len(lengths)} video(s) of {self.videos.root} have {length} frames, and a clip of {self.frames} "
            f"frames{stride} needs {self.needed}",
            "give longer videos, or set fewer {frames}",
        )


def _generator(seed: int, *key: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))
