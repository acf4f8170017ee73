"""Which videos a clip fits into, and what is said of the others."""

from __future__ import annotations

from collections.abc import Sequence

from pvdm.data.index import BadVideo, Index, Video
from pvdm.errors import InputError
from pvdm.video import ClipShape

NAMED = 3  # how many videos a message about many of them names


def long_enough(index: Index, clip: ClipShape) -> Index:
    """The same, but videos that a clip does not fit into are among the bad ones."""
    causes = [_too_short(video, clip) for video in index.videos]
    pairs = list(zip(index.videos, causes, strict=True))
    short = [BadVideo(video.path, cause) for video, cause in pairs if cause]
    return Index([video for video, cause in pairs if not cause], [*index.bad, *short])


def check_share(total: int, bad: Sequence[BadVideo], max_bad_share: float) -> None:
    """InputError if none of `total` videos is good, or more than the given share is bad."""
    if not total:
        raise InputError(
            "there are no videos to train on; check the folder and data.part, or if all lie in folders of validation "
            "or test, name those to train on (data.training_folders)"
        )
    if len(bad) < total and len(bad) <= max_bad_share * total:
        return
    allowed = f", more than the share of {max_bad_share:g} that data.max_bad_share allows" if len(bad) < total else ""
    remedy = ", or raise --data.max_bad_share" if allowed else ""
    raise InputError(
        f"{len(bad)} of {total} videos cannot be used{allowed}: {some(bad)}; repair or remove them (pvdm inspect lists "
        f"all), choose fewer frames or a smaller stride{remedy}"
    )


def some(bad: Sequence[BadVideo]) -> str:
    """The causes of the first few, and how many more there are."""
    named = "; ".join(video.cause for video in bad[:NAMED])
    return named + (f"; and {len(bad) - NAMED} more" if len(bad) > NAMED else "")


def _too_short(video: Video, clip: ClipShape) -> str | None:
    try:
        if clip.last_start(video.info) >= 0:
            return None
    except InputError as error:  # the pace of a clip is in seconds, and the video does not know its own
        return f"{video.path} cannot give such clips ({str(error).partition(';')[0]})"
    if clip.fps and video.info.timeline:
        length, wanted = video.info.timeline.seconds[-1], (clip.frames - 1) / clip.fps
        return f"{video.path} lasts {length:.3g} s, less than the {wanted:.3g} s of a clip of {clip.frames} frames"
    wanted = f"fewer than the {clip.span(video.info)} that a clip of {clip.frames} frames spans"
    return f"{video.path} has {video.info.frames} frames, {wanted}"
