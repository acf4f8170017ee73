"""Which videos are usable, and what is logged about a data set before training."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from pvdm.data.index import BadVideo, Index, Video
from pvdm.data.layouts.splits import Part, Splits
from pvdm.errors import InputError
from pvdm.video import ClipShape, Reader
from pvdm.video.decoding.packets import PacketIndex

NAMED = 3  # videos that a message about many of them names

logger = logging.getLogger(__name__)


def long_enough(index: Index, clip: ClipShape) -> Index:
    """The same index, with the videos that are shorter than a clip among the bad ones."""
    causes = [_too_short(video, clip) for video in index.videos]
    pairs = list(zip(index.videos, causes, strict=True))
    short = [BadVideo(video.path, cause, video.info.first_frame) for video, cause in pairs if cause]
    return Index([video for video, cause in pairs if not cause], [*index.bad, *short])


def check_share(total: int, bad: Sequence[BadVideo], max_bad_share: float) -> None:
    """InputError if none of `total` videos is usable, or more than the given share is bad."""
    if not total:
        raise InputError(
            "there are no videos to train on",
            "check the folder and data.part, or if all lie in validation or test folders, name the folders to "
            "train on (data.training_folders)",
        )
    if len(bad) < total and len(bad) <= max_bad_share * total:
        return
    allowed = f", more than the share of {max_bad_share:g} that data.max_bad_share allows" if len(bad) < total else ""
    remedy = ", or raise --data.max_bad_share" if allowed else ""
    raise InputError(
        f"{len(bad)} of {total} videos cannot be used{allowed}: {first_causes(bad)}",
        f"repair or remove them (pvdm inspect lists all), choose fewer frames or a smaller stride{remedy}",
    )


def first_causes(bad: Sequence[BadVideo]) -> str:
    """The causes of the first few bad videos, and how many more there are."""
    named = "; ".join(video.cause for video in bad[:NAMED])
    return named + (f"; and {len(bad) - NAMED} more" if len(bad) > NAMED else "")


def _too_short(video: Video, clip: ClipShape) -> str | None:
    try:
        if clip.last_start(video.info) >= 0:
            return None
    except InputError as error:  # the pace of a clip is in seconds, and the video does not record its own
        return f"{_named(video)} cannot give such clips ({error.problem})"
    if clip.fps and video.info.timeline:
        length, needed = video.info.timeline.seconds[-1], (clip.frames - 1) / clip.fps
        return f"{_named(video)} lasts {length:.3g} s, less than the {needed:.3g} s of a clip of {clip.frames} frames"
    return (
        f"{_named(video)} has {video.info.frames} frames, fewer than the {clip.span(video.info)} that a clip of "
        f"{clip.frames} frames spans"
    )


def _named(video: Video) -> str:
    """Its path, and of a span where it begins."""
    return f"{video.path} from frame {video.info.first_frame} on" if video.info.first_frame else str(video.path)


def log_findings(path: Path, splits: Splits, index: Index, *, clip: ClipShape, reader: Reader) -> None:
    """Logs what is unusual about a data set, and what is left out of it."""
    for note in splits.notes:
        logger.warning("%s: %s", path, note)
    if splits.absent:
        logger.warning(
            "%d of %d listed videos are absent (such as %s)", len(splits.absent), splits.listed, splits.absent[0]
        )
    if index.bad:
        logger.warning("%d of %d videos are left out: %s", len(index.bad), len(splits.entries), first_causes(index.bad))
    if reader == "decord":
        exact = sum(_is_exact_in_decord(video) for video in index.videos)
        logger.info("decord reads %d of %d videos; it would not read the others exactly", exact, len(index.videos))
    if clip.fps is None and (uneven := [video for video in index.videos if video.info.times]):
        logger.warning(
            "%d of %d videos have a variable frame rate (such as %s): with a stride the pace of their clips varies; "
            "data.fps takes frames by their timestamps",
            *(len(uneven), len(index.videos), uneven[0].path),
        )


def warn_of_validation(is_there: bool, part: Part) -> None:
    """Logs that validation is on clips that are trained on, if it is."""
    if not is_there:
        logger.warning("there are no videos for validation; clips of the training videos are used for it")
    elif part != "train":
        logger.warning("validation is on videos that are trained on, as data.part is %s", part)


def _is_exact_in_decord(video: Video) -> bool:
    """Whether decord reads a video as PyAV does."""
    index = PacketIndex.unpack(video.info.index) if video.info.index else None
    return index is not None and index.plain
