"""What is kept of a setting's sampled videos: each is made once, measured in every way, and forgotten but for a few."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pvdm.benchmark.context import BenchmarkContext
from pvdm.benchmark.plan import CLIP, Setting
from pvdm.benchmark.result_store import Arrays, rows_of
from pvdm.benchmark.shown_videos import files_of_samples, show_sample
from pvdm.evaluation.clips.scaling import Scaling
from pvdm.evaluation.features.thumbnails import Thumbnails
from pvdm.evaluation.metrics.coherence import coherence, coherence_curve
from pvdm.evaluation.protocol import Protocol


@dataclass(frozen=True)
class VideoMeasure:
    """Something that is measured of videos.

    Args:
        key: JSON-able; equal where the same videos give the same numbers.
        of: Videos (b, 3, t, h, w) uint8 and their numbers -> arrays of b rows (or fewer), by name.
    """

    key: Any
    of: Callable[[Tensor, Sequence[int]], Arrays]


def sampled(context: BenchmarkContext, setting: Setting, measures: Sequence[VideoMeasure]) -> Arrays:
    """The rows of all measures for the videos of a setting; the first videos are written for the page."""
    source = context.samples(setting)

    def measured(numbers: Sequence[int]) -> Arrays:
        clips = list(source.read(numbers, batch_size=len(numbers)))
        for clip in clips:
            if clip.index < context.shown:
                show_sample(context, setting, clip)
        videos = torch.stack([clip.video for clip in clips])
        return {name: rows for measure in measures for name, rows in measure.of(videos, numbers).items()}

    return rows_of(
        context,
        f"samples/{setting.slug}",
        len(source),
        measured,
        key=[measure.key for measure in measures],
        files=lambda numbers: files_of_samples(setting, [index for index in numbers if index < context.shown]),
    )


def features_by(context: BenchmarkContext, protocol: Protocol, detector: Thumbnails | None = None) -> VideoMeasure:
    """Features of the clip at the start of each video, by the protocol's detector or another; see `features_name`."""
    name = features_name(protocol, detector and detector.name)
    detector = detector or context.detector(protocol.detector)
    scaling = Scaling(None if protocol.size is None else (protocol.size, protocol.size), protocol.resize)

    def of(videos: Tensor, numbers: Sequence[int]) -> Arrays:
        clips = videos[:, :, : (protocol.frames - 1) * protocol.stride + 1 : protocol.stride]
        scaled = torch.stack([scaling(clip.movedim(0, -1).numpy()) for clip in clips])
        return {name: detector(scaled).cpu().double().numpy()}

    return VideoMeasure({"name": name, "detector": detector.describe(), "scaling": scaling.describe()}, of)


def features_name(protocol: Protocol, detector: str | None = None) -> str:
    """The name of a protocol's features, or of those of another detector, among a setting's rows."""
    size = f"{protocol.size or 'any'} pixels"
    return f"{detector or protocol.detector}, {protocol.frames} frames, stride {protocol.stride}, {size}"


def coherence_of(limit: int, *, curves: int) -> VideoMeasure:
    """Coherence of the first 16 frames of the first `limit` videos, and curves along the first `curves` of them.

    By name: `coherence/warping_error` and so on, a number for each video, and `curve/sharpness` and so on, one for
    each window.
    """

    def of(videos: Tensor, numbers: Sequence[int]) -> Arrays:
        pairs = list(zip(numbers, videos, strict=True))
        first = [coherence(video[:, :CLIP]) for number, video in pairs if number < limit]
        along = [coherence_curve(video, window=CLIP) for number, video in pairs if number < curves]
        return {**_stacked("coherence", first), **_stacked("curve", along)}

    return VideoMeasure({"name": "coherence", "limit": limit, "curves": curves}, of)


def _stacked(kind: str, rows: Sequence[Mapping[str, Any]]) -> Arrays:
    names = rows[0] if rows else ()
    return {f"{kind}/{name}": np.array([row[name] for row in rows], dtype=np.float64) for name in names}
