"""Statistics of a set of videos."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from pvdm.data.checks import long_enough
from pvdm.data.dataset import ClipDataset
from pvdm.data.index import Index, Video
from pvdm.data.layouts.captions import FoundCaptions, vocabulary, words_of
from pvdm.video import ClipShape


def statistics(videos: Sequence[Video], clip: ClipShape, clips: int = 1, clips_per_video: int | None = None) -> dict:
    """JSON-able figures of readable videos, for samples of `clips` consecutive clips.

    `hours` counts videos that have a frame rate, `without_rate` the others. `sizes` and `rates` begin with the most
    frequent; a variable rate is given as its mean. `too_short` for a clip, `without_context` (long enough for the
    target alone) and `enlarged` to the clip's size are numbers of videos; `samples` are those of an epoch of training.
    """
    good = long_enough(Index(list(videos), []), clip).videos
    samples = ClipDataset(good, clip, clips=clips, training=True, clips_per_video=clips_per_video) if good else []
    infos = [video.info for video in videos]
    return {
        "videos": len(videos),
        "frames": sum(info.frames for info in infos),
        "hours": round(sum(info.frames / info.fps for info in infos if info.fps) / 3600, 3),
        "without_rate": sum(not info.fps for info in infos),
        "lengths": _range([info.frames for info in infos]),
        "sizes": _counts(f"{info.width}x{info.height}" for info in infos),
        "rates": _counts(f"{info.fps:.5g}{' (mean)' if info.times else ''}" for info in infos if info.fps),
        "too_short": len(videos) - len(good),
        "without_context": sum(not samples.has_context(video) for video in good),
        "enlarged": sum(info.height < clip.height or info.width < clip.width for info in infos),
        "samples": len(samples),
    }


def class_counts(videos: Sequence[Video], classes: Sequence[str]) -> dict[str, int]:
    """How many videos each class has, in the order of the classes."""
    counts = Counter(video.label for video in videos)
    return {name: counts[label] for label, name in enumerate(classes)}


def count_unlabelled(videos: Sequence[Video]) -> int:
    """How many videos have no class."""
    return sum(video.label is None for video in videos)


def caption_statistics(found: FoundCaptions) -> dict:
    """JSON-able figures of captions: `videos` that have one, `of` all videos, and different `words` in all of them.

    `longest` is the most words of a caption, `without_video` the files in the table that are no videos of the data set.
    """
    captions = [caption for video in found.index.videos for caption in video.captions]
    return {
        "videos": found.captioned,
        "of": len(found.index.videos),
        "captions": len(captions),
        "words": len(vocabulary(captions)),
        "longest": max(len(words_of(caption)) for caption in captions),
        "without_video": {"count": len(found.unknown), "first": found.unknown[:10]},
    }


def _counts(values: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(values).items(), key=lambda item: (-item[1], item[0])))


def _range(lengths: Sequence[int]) -> dict[str, float] | None:
    if not lengths:
        return None
    return {"min": min(lengths), "median": float(np.median(lengths)), "max": max(lengths)}
