"""Clips of all moments of videos, not of one each."""

from __future__ import annotations

from typing import Any

from pvdm.evaluation.clips.video_clips import VideoClips

MOST = 16


class EveryClip(VideoClips):
    """Clips of each video from end to end, half a clip apart, or farther if there would be more than `MOST`.

    Its arguments are those of `VideoClips` but `choice`, `start`, `num` and `several`.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.counts = {number: self._count(number) for number in self.long}
        self.numbers = [number for number in self.long for _ in range(self.counts[number])]

    def describe(self) -> dict[str, Any]:
        return {**super().describe(), "start": f"up to {MOST} from end to end"}

    def first_frame(self, number: int, turn: int = 0) -> int:
        """They begin evenly spaced from the first frame to the last at which one can."""
        return round(self._room(number) * turn / max(1, self.counts[number] - 1))

    def _count(self, number: int) -> int:
        half = max(1, self.frames * self.stride // 2)
        return min(MOST, 1 + -(-self._room(number) // half))

    def _room(self, number: int) -> int:
        return max(0, self.videos.videos[number].info.frames - 1 - (self.frames - 1) * self.stride)
