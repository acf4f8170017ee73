"""What is known of a video before it is decoded, and which files count as videos."""

from dataclasses import dataclass, field

VIDEO_SUFFIXES = (".mp4", ".avi", ".mkv", ".webm", ".mov")
WRITABLE = (".mp4", ".webm", ".gif", ".webp")
"""Of the video files that can be written."""

FRAME_SUFFIXES = (".jpg", ".jpeg", ".png")


@dataclass(frozen=True)
class VideoInfo:
    """Number of frames that can be decoded, their size as shown (after rotation), frames per second.

    `fps` is None for a folder of frames, which does not record it. `index` is that of the file's packets
    (`PacketIndex.pack`), which spares readers to go through the file for it; it takes no part in comparisons.
    """

    frames: int
    height: int
    width: int
    fps: float | None
    index: str | None = field(default=None, compare=False, repr=False)
