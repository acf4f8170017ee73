"""The table of generation for one setting: FVD16, FVD128, IS, coherence and its drift, all of the same videos."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from pvdm.benchmark.bench import Bench, Unavailable
from pvdm.benchmark.chunks import Arrays, Chunked
from pvdm.benchmark.figures import (
    COHERENCE,
    FRECHET,
    INCEPTION,
    NEAREST_FEATURES,
    RANDOM,
    Spec,
    check_enough,
    computed,
    counts,
    named,
)
from pvdm.benchmark.measures import coherence_of, features_by, features_name
from pvdm.benchmark.plan import CLIP, LONG, Setting
from pvdm.benchmark.sampling import sampled, shown_samples
from pvdm.evaluation.features.thumbnails import Thumbnails
from pvdm.evaluation.metrics.frechet import frechet_distance
from pvdm.evaluation.metrics.inception import score_in_splits
from pvdm.evaluation.protocols import PROTOCOLS

CURVES = ("sharpness", "warping_error", "second_differences")
CURVED = 64
"""Videos along which coherence is followed: the optical flow of all frames takes some seconds a video."""

Entry = dict[str, Any]


def generation(bench: Bench, setting: Setting) -> dict[str, Any]:
    """A part of the results; all processes must call it."""
    specs = wanted(bench)
    reasons = {spec: why_not(bench, spec) for spec in specs}
    rows = setting_rows(bench, setting)
    names = {"setting": setting.name, "sampler": setting.sampler}
    figures = [
        spec.missing(reasons[spec], **names) if reasons[spec] else _figure(bench, spec, rows, **names) for spec in specs
    ]
    drift = {**names, **curve(rows), "real": curve(real_rows(bench, LONG))}
    return {
        "figures": [*figures, *_coherence(bench, rows, **names)],
        "curves": {"drift": [drift]},
        "videos": shown_samples(bench, setting),
    }


def wanted(bench: Bench) -> list[Spec]:
    """The figures of sampled videos that are of this table."""
    enough = [spec for spec in INCEPTION if spec.wanted.num_fake <= bench.plan.num_videos]
    inception = enough[-1] if enough else INCEPTION[0]
    specs = [*FRECHET, inception, *(RANDOM if bench.wants_random else ())]
    return [spec for spec in specs if bench.plan.dataset in spec.datasets]


def setting_rows(bench: Bench, setting: Setting) -> Arrays:
    """What is kept of a setting's videos, which are sampled if they are not yet."""
    protocols = {
        features_name(protocol): protocol
        for spec in [*wanted(bench), NEAREST_FEATURES]
        if why_not(bench, spec) is None
        for protocol in [bench.protocol(spec.wanted)]
    }
    measures = [features_by(bench, protocol) for protocol in protocols.values()]
    measures.append(features_by(bench, bench.protocol(NEAREST_FEATURES.wanted), Thumbnails()))
    limit = PROTOCOLS["coherence/16f"].num_fake
    return sampled(bench, setting, [*measures, coherence_of(limit, curves=CURVED)])


def why_not(bench: Bench, spec: Spec) -> str | None:
    """Why a figure cannot be had, or None."""
    protocol = bench.protocol(spec.wanted)
    try:
        bench.detector(protocol.detector)
        real = bench.real(protocol) if protocol.kind == "fvd" else None
        check_enough(bench, spec.wanted, real=real, fake=bench.plan.num_videos)
    except Unavailable as error:
        return str(error)
    return None


def _figure(bench: Bench, spec: Spec, rows: Arrays, **names: Any) -> Entry:
    protocol, beside = bench.protocol(spec.wanted), {}
    features = rows[features_name(protocol)][: protocol.num_fake]
    real = bench.real(protocol) if protocol.kind == "fvd" else None
    reference = None if real is None else bench.real_features(protocol)
    try:
        few = check_enough(bench, spec.wanted, real=real, fake=len(features))
        if reference is None:
            value, spread = computed(score_in_splits, features, splits=min(protocol.splits, len(features)))
            beside = {"spread_over_splits": spread}
        else:
            value = computed(frechet_distance, reference, features)
            beside = bench.floor(protocol, reference, len(features))
    except Unavailable as error:
        return spec.missing(str(error), **names)
    by = {"few": few, "counts": counts(real, len(features)), **named(protocol)}
    return spec.entry(value=value, **beside, **by, **names)


def _coherence(bench: Bench, rows: Arrays, **names: Any) -> list[Entry]:
    """Means over the videos, beside those of real clips."""
    real = real_rows(bench, CLIP)
    return [_coherence_figure(bench, spec, rows, real, **names) for spec in COHERENCE]


def _coherence_figure(bench: Bench, spec: Spec, rows: Arrays, real: Arrays, **names: Any) -> Entry:
    protocol, values = bench.protocol(spec.wanted), rows[f"coherence/{spec.key}"]
    try:
        clips = bench.real(protocol)
        few = check_enough(bench, spec.wanted, real=clips, fake=len(values))
    except Unavailable as error:
        return spec.missing(str(error), **names)
    by = {"few": few, **named(protocol)}
    value, beside = float(values.mean()), float(real[f"coherence/{spec.key}"].mean())
    return spec.entry(value=value, real=beside, counts=counts(clips, len(values)), **by, **names)


def real_coherence(bench: Bench) -> dict[str, Any]:
    """Measures the real clips with which sampled ones are compared; no part of the results by itself."""
    for frames in (CLIP, LONG):
        real_rows(bench, frames)
    return {}


def real_rows(bench: Bench, frames: int) -> Arrays:
    """Coherence of real clips of 16 frames, or curves along those of 128; empty if there are none."""
    protocol = bench.protocol(PROTOCOLS[f"coherence/{frames}f"])
    is_long = frames == LONG
    if is_long:
        protocol = protocol.with_changes(num_real=min(CURVED, protocol.num_real))
    try:
        real = bench.real(protocol)
    except Unavailable:
        return {}
    count = len(real)
    measure = coherence_of(0, curves=count) if is_long else coherence_of(count, curves=0)

    def measured(numbers: Sequence[int]) -> Arrays:
        videos = torch.stack([clip.video for clip in real.read(numbers, batch_size=len(numbers))])
        return measure.of(videos, numbers)

    return Chunked(bench, f"coherence/real-{frames}", count, measured, real.key()).run()


def curve(rows: Arrays) -> dict[str, Any]:
    """Means over the videos by window, where the windows begin, and of how many; empty lists if there are none."""
    starts = rows.get("curve/start_frames", np.zeros((0, 0)))
    if not len(starts):
        return {"videos": 0, "start_frames": [], **{name: [] for name in CURVES}}
    means = {name: rows[f"curve/{name}"].mean(0).tolist() for name in CURVES}
    return {"videos": len(starts), "start_frames": starts[0].astype(int).tolist(), **means}
