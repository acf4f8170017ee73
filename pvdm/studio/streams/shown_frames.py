"""Which frame of which clip a client sees at each number of a frame in its stream."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Literal, NamedTuple

Kind = Literal["new", "rest", "again"]
"""A new clip of the video; the rest of one that a pause had cut; or frames that are shown once more."""


@dataclass(frozen=True)
class SentPart:
    """Frames of a clip that were sent one after another.

    Args:
        frame: Number of the first in the stream.
        count: How many.
        clip: The clip.
        offset: Number of the first in the clip.
        kind: Why.
    """

    frame: int
    count: int
    clip: int
    offset: int
    kind: Kind

    @property
    def end(self) -> int:
        """Number of the frame after the last."""
        return self.frame + self.count


class Cut(NamedTuple):
    """Where a client's video was cut.

    Args:
        clip: The clip of the last frame shown; None if no frame of the video was shown since the last cut.
        offset: How many of its frames were shown.
        unseen: The new clips of which no frame was shown.
    """

    clip: int | None
    offset: int
    unseen: list[int]


class ShownFrames:
    """The frames that were sent, and how far the client has shown them. Numbers are never used twice."""

    def __init__(self) -> None:
        self.next, self.shown = 0, -1
        self._parts: deque[SentPart] = deque()

    @property
    def ahead(self) -> int:
        """How many frames the client has and has not shown."""
        return self.next - 1 - self.shown

    def sent(self, count: int, clip: int, offset: int, kind: Kind) -> SentPart:
        """Records frames that are sent now."""
        part = SentPart(self.next, count, clip, offset, kind)
        self._parts.append(part)
        self.next = part.end
        return part

    def show(self, frame: int) -> bool:
        """Records that the client has shown all up to a frame; whether that is news."""
        is_news = self.shown < frame < self.next
        if is_news:
            self.shown = frame
            while len(self._parts) > 1 and self._parts[0].end <= frame:
                self._parts.popleft()
        return is_news

    def cut(self) -> Cut:
        """Forgets what was sent and not shown."""
        parts, shown = list(self._parts), self.shown
        self._parts.clear()
        self.shown = self.next - 1
        current = next((part for part in parts if part.frame <= shown < part.end), None)
        unseen = [part.clip for part in parts if part.kind == "new" and part.frame > shown]
        if current is None or current.kind == "again":
            return Cut(None, 0, unseen)
        return Cut(current.clip, current.offset + shown + 1 - current.frame, unseen)
