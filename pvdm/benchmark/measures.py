"""What is kept of a video when it is forgotten: features, coherence and its course, fidelity of a reconstruction."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pvdm.benchmark.bench import Bench
from pvdm.benchmark.chunks import Arrays
from pvdm.benchmark.plan import CLIP
from pvdm.evaluation.clips.scaling import Scaling
from pvdm.evaluation.features.thumbnails import Thumbnails
from pvdm.evaluation.metrics.coherence import coherence, coherence_curve
from pvdm.evaluation.protocol import Protocol


@dataclass(frozen=True)
class Measure:
    """What is found in videos.

    Args:
        key: JSON-able; equal where the same videos give the same numbers.
        of: Videos (b, 3, t, h, w) uint8 and their numbers -> arrays of b rows, by name.
    """

    key: Any
    of: Callable[[Tensor, Sequence[int]], Arrays]


def features_by(bench: Bench, protocol: Protocol, detector: Thumbnails | None = None) -> Measure:
    """Rows of the protocol's detector, or another, for its clip at the beginning of each video; see `features_name`."""
    name = features_name(protocol, detector and detector.name)
    detector = detector or bench.detector(protocol.detector)
    size = None if protocol.size is None else (protocol.size, protocol.size)
    scaling = Scaling(size, protocol.resize)

    def of(videos: Tensor, numbers: Sequence[int]) -> Arrays:
        clips = videos[:, :, : (protocol.frames - 1) * protocol.stride + 1 : protocol.stride]
        scaled = torch.stack([scaling(clip.movedim(0, -1).numpy()) for clip in clips])
        return {name: detector(scaled).cpu().double().numpy()}

    return Measure({"name": name, "detector": detector.describe(), "scaling": scaling.describe()}, of)


def features_name(protocol: Protocol, detector: str | None = None) -> str:
    """By which a protocol's features, or those of another detector, are found among the rows of a setting."""
    size = f"{protocol.size or 'any'} pixels"
    return f"{detector or protocol.detector}, {protocol.frames} frames, stride {protocol.stride}, {size}"


def coherence_of(limit: int, *, curves: int) -> Measure:
    """Coherence of the first 16 frames of the first `limit` videos, and its curve along the first `curves` of them.

    By name: `coherence/warping_error` and so on, a number each, and `curve/sharpness` and so on, one a window.
    """

    def of(videos: Tensor, numbers: Sequence[int]) -> Arrays:
        pairs = list(zip(numbers, videos, strict=True))
        first = [coherence(video[:, :CLIP]) for number, video in pairs if number < limit]
        along = [coherence_curve(video, window=CLIP) for number, video in pairs if number < curves]
        return {**_table("coherence", first), **_table("curve", along)}

    return Measure({"name": "coherence", "limit": limit, "curves": curves}, of)


def _table(kind: str, rows: Sequence[Mapping[str, Any]]) -> Arrays:
    names = rows[0] if rows else ()
    return {f"{kind}/{name}": np.array([row[name] for row in rows], dtype=np.float64) for name in names}
