"""What is known of a video before it is decoded."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pvdm.video.timeline import Timeline


@dataclass(frozen=True)
class VideoInfo:
    """Number of frames that can be decoded, their size as shown (after rotation), frames per second.

    `fps` is from the timestamps, the mean where it varies, and None for a folder of frames, which has none. `index` is
    that of the file's packets (`PacketIndex.pack`), which spares readers to go through the file for it; it takes no
    part in comparisons. `times` are those of the frames (`timeline.packed`) where the rate varies, and else None.
    """

    frames: int
    height: int
    width: int
    fps: float | None
    index: str | None = field(default=None, compare=False, repr=False)
    times: str | None = field(default=None, repr=False)

    @property
    def timeline(self) -> Timeline | None:
        """When the frames are shown, where the rate varies."""
        if self.times is None:
            return None
        from pvdm.video.timeline import timeline  # NumPy, which not all who ask for suffixes need

        return timeline(self.times)
