"""What is said of a data set before it is trained on, a line each."""

from __future__ import annotations

import logging
from pathlib import Path

from pvdm.data.index import Index, Video
from pvdm.data.parts import Part, Parts
from pvdm.data.selection import some
from pvdm.video import ClipShape, Reader
from pvdm.video.packets import PacketIndex

logger = logging.getLogger(__name__)


def remark(path: Path, parts: Parts, index: Index, *, clip: ClipShape, reader: Reader) -> None:
    """Logs what is odd about the data in a folder, and what is left out of them."""
    for note in parts.notes:
        logger.warning("%s: %s", path, note)
    if parts.absent:
        logger.warning(
            "%d of %d listed videos are absent (such as %s)", len(parts.absent), parts.listed, parts.absent[0]
        )
    if index.bad:
        logger.warning("%d of %d videos are left out: %s", len(index.bad), len(parts.entries), some(index.bad))
    if reader == "decord":
        plain = sum(_is_plain(video) for video in index.videos)
        logger.info("decord reads %d of %d videos; it would not read the others exactly", plain, len(index.videos))
    if clip.fps is None and (uneven := [video for video in index.videos if video.info.times]):
        logger.warning(
            "%d of %d videos have a variable frame rate (such as %s): at a stride the pace of their clips differs; "
            "data.fps takes frames by their times",
            *(len(uneven), len(index.videos), uneven[0].path),
        )


def warn_of_validation(is_there: bool, part: Part) -> None:
    """A line if validation is on clips that are trained on."""
    if not is_there:
        logger.warning("there are no videos for validation; clips of the training videos are used for it")
    elif part != "train":
        logger.warning("validation is on videos that are trained on, as data.part is %s", part)


def _is_plain(video: Video) -> bool:
    """Whether decord serves it."""
    index = PacketIndex.unpack(video.info.index) if video.info.index else None
    return index is not None and index.plain
