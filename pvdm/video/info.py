"""What is known about a video before it is decoded."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pvdm.video.series.stored_values import StoredValues
    from pvdm.video.timeline import Timeline


@dataclass(frozen=True)
class VideoInfo:
    """The number of decodable frames, their displayed size (after rotation), and the frame rate.

    It may be that of a span of a file, which readers treat as a video of its own: frame 0 is the span's first, and no
    frame outside the span is read.

    Args:
        frames, height, width: As decoded and displayed.
        fps: Frames per second by the timestamps, the mean if the rate varies; None for a folder of frames, 0 for a
            still, whose only frame lasts for ever.
        index: The packed index of the file's packets (`PacketIndex.pack`), so that readers need not scan the file
            again, or of an image series its packed values (`StoredValues.pack`); ignored in comparisons.
        times: The packed times of the file's frames (`timeline.packed`) if the rate varies, else None.
        first_frame: The number in the file of the first of these frames, 0 for a whole file.
    """

    frames: int
    height: int
    width: int
    fps: float | None
    index: str | None = field(default=None, compare=False, repr=False)
    times: str | None = field(default=None, repr=False)
    first_frame: int = 0

    @property
    def is_still(self) -> bool:
        """Whether it is a single picture that gives clips of any length and pace."""
        return self.fps == 0

    @property
    def values(self) -> StoredValues | None:
        """How an image series stores its values; None of any other video."""
        from pvdm.video.series.stored_values import StoredValues

        return StoredValues.unpack(self.index)

    def with_range(self, value_range: tuple[float, float] | None) -> VideoInfo:
        """The same image series with these values as its range; any other video, or None, as it is."""
        if value_range is None or (values := self.values) is None:
            return self
        return replace(self, index=values.with_range(*value_range).pack())

    @property
    def timeline(self) -> Timeline | None:
        """The times of the frames if the rate varies, else None."""
        if self.times is None:
            return None
        from pvdm.video.timeline import timeline_of_span  # imports NumPy, which is not always needed

        return timeline_of_span(self.times, self.first_frame, self.frames)

    @property
    def start_seconds(self) -> float:
        """The time of the first of these frames in the file, as far as its frame rate is known."""
        if not self.first_frame or not self.fps:
            return 0.0
        if self.times is None:
            return self.first_frame / self.fps
        from pvdm.video.timeline import timeline

        return float(timeline(self.times).seconds[self.first_frame])
