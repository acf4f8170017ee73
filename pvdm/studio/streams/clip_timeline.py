"""The clips of a stream as a tree: each continues another one, or begins a scene."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from torch import Tensor

from pvdm.errors import InputError
from pvdm.studio.streams.clip_batch import MadeClip
from pvdm.studio.streams.stream_settings import StreamSettings

FORGOTTEN_AT_ONCE = 0.1
"""The share of its clips that a full timeline forgets, so that clients are not told with each clip."""


@dataclass(eq=False)
class TimelineClip:
    """A clip of a timeline.

    Args:
        id: Its number, which counts up.
        parent: The clip that it continues; None at the beginning of a scene.
        noise: (seed, video, clip) of its noise.
        settings: What it was made with.
        version: The client's number of the settings.
        latent: (c, l).
        fade: The share of the jump from its parent that its first frames lack.
        seconds: What its batch took.
        batch: The clips of its batch.
        frames: How many it has.
    """

    id: int
    parent: int | None
    noise: tuple[int, int, int]
    settings: StreamSettings
    version: int
    latent: Tensor
    fade: float
    seconds: float
    batch: int
    frames: int
    branches: set[tuple[int, int]] = field(default_factory=set)
    """(seed, video) of the clips that continue it, or did before they were deleted."""

    def to_json(self) -> dict[str, Any]:
        """What clients are told of it; the frame's number in the stream and the picture come from the session."""
        seed, video, clip = self.noise
        return {
            "id": self.id,
            "parent": self.parent,
            "frames": self.frames,
            "settings": self.settings.to_json(),
            "seed": seed,
            "video": video,
            "clip": clip,
            "version": self.version,
            "seconds": round(self.seconds, 4),
            "batch": self.batch,
        }


class Timeline:
    """The clips of a stream, of which at most `most` are kept: the oldest are forgotten first.

    `head` is the clip that the next one continues; None begins a scene.
    """

    def __init__(self, most: int) -> None:
        self.clips: dict[int, TimelineClip] = {}
        self.head: int | None = None
        self._most, self._ids = most, count(1)
        self._scenes: set[tuple[int, int]] = set()

    def __getitem__(self, clip: int | None) -> TimelineClip:
        """The clip of a number; InputError if there is none."""
        if clip not in self.clips:
            raise InputError(f"there is no clip {clip} in this stream", "choose one of its timeline")
        return self.clips[clip]

    def next_noise(self, parent: int | None, seed: int) -> tuple[int, int, int]:
        """(seed, video, clip) of the noise of the next clip after a clip, or of a new scene.

        A stream that is never steered has the noise of `VideoGenerator.stream` for video 0 of its seed. Where a clip
        is continued once more, and with each further scene, another video of the seed begins.
        """
        before = self.clips.get(parent)
        used, place = (before.branches, before.noise[2] + 1) if before else (self._scenes, 0)
        first = before.noise[1] if before else 0
        if (seed, first) not in used:
            return seed, first, place
        taken = {clip.noise[1] for clip in self.clips.values()} | {video for _, video in used}
        return seed, max(taken) + 1, place

    def add(self, made: MadeClip) -> TimelineClip:
        """Puts a clip after the one that it continues, and makes it the head."""
        parent, noise = self.clips.get(made.request.parent), made.request.noise
        (parent.branches if parent else self._scenes).add(noise[:2])
        clip = TimelineClip(
            next(self._ids),
            parent.id if parent else None,
            noise,
            made.request.settings,
            made.request.version,
            made.latent,
            made.fade,
            made.seconds,
            made.batch,
            made.frames.shape[1],
        )
        self.clips[clip.id], self.head = clip, clip.id
        return clip

    def forget(self) -> bool:
        """Forgets the oldest clips but the head, if there are too many; whether it did."""
        if len(self.clips) <= self._most:
            return False
        kept = self._most - int(FORGOTTEN_AT_ONCE * self._most)
        oldest = [clip for clip in self.clips if clip != self.head]
        for clip in oldest[: len(self.clips) - max(1, kept)]:
            del self.clips[clip]
        return True

    def discard(self, clips: Iterable[int]) -> None:
        """Takes out clips that nobody has seen, the newest of their branch; made again, they have the same noise."""
        for clip in sorted(clips, reverse=True):
            if (found := self.clips.pop(clip, None)) is None:
                continue
            parent = self.clips.get(found.parent)
            (parent.branches if parent else self._scenes).discard(found.noise[:2])
            if self.head == clip:
                self.head = found.parent if parent else None

    def delete(self, clip: int) -> list[int]:
        """Takes out a clip and all that continue it; their numbers. The head falls back to the clip before them."""
        before, gone = self[clip].parent, {clip}
        for other in self.clips.values():  # children come after their parents
            if other.parent in gone:
                gone.add(other.id)
        for other in gone:
            del self.clips[other]
        if self.head in gone:
            self.head = before if before in self.clips else None
        return sorted(gone)

    def path(self, clip: int) -> list[TimelineClip]:
        """The clips from the beginning of the scene, or the oldest that is kept, up to this one."""
        found = [self[clip]]
        while found[-1].parent in self.clips:
            found.append(self.clips[found[-1].parent])
        return found[::-1]

    def to_json(self) -> list[dict[str, Any]]:
        """All clips, the oldest first."""
        return [clip.to_json() for clip in self.clips.values()]
