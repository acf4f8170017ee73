"""How long the frames of a live video take from their arrival to their output."""

from __future__ import annotations

from collections import Counter, deque
from time import monotonic

RESOLUTION = 1000
"""Parts of a second in which delays are counted, so that memory does not grow with the length of the video."""


class Latency:
    """Counts the seconds between `came` and `went` of each frame, which go in the order in which they came."""

    def __init__(self) -> None:
        self._waiting: deque[float] = deque()
        self._delays: Counter[int] = Counter()
        self._began = self._ended = 0.0
        self.frames = 0
        """Frames that went."""

    def came(self, moment: float | None = None) -> None:
        """A frame came, now or at a moment of `time.monotonic`."""
        moment = monotonic() if moment is None else moment
        self._began = self._began or moment
        self._waiting.append(moment)

    def went(self, frames: int, each: int = 1) -> None:
        """So many frames went, every `each`-th of which is one that came."""
        self._ended = monotonic()
        first = -self.frames % each
        for _ in range(first, frames, each):
            self._delays[round((self._ended - self._waiting.popleft()) * RESOLUTION)] += 1
        self.frames += frames

    @property
    def median(self) -> float:
        """In seconds; the lower of the two middle ones."""
        left = (self._delays.total() + 1) // 2
        for delay, count in sorted(self._delays.items()):
            left -= count
            if left <= 0:
                return delay / RESOLUTION
        return 0.0

    @property
    def worst(self) -> float:
        """In seconds."""
        return max(self._delays, default=0) / RESOLUTION

    @property
    def rate(self) -> float:
        """Frames that went per second, from the first arrival on."""
        return self.frames / max(self._ended - self._began, 1 / RESOLUTION)

    def __str__(self) -> str:
        delays = f"from arrival to output median {self.median:.2f} s, worst {self.worst:.2f} s"
        return f"{self.rate:.1f} frames per second, {delays}"
