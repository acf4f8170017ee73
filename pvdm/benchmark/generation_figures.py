"""The table of generation for one setting: FVD16, FVD128, IS, coherence and its drift, all of the same videos."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from pvdm.benchmark.context import BenchmarkContext, Unavailable
from pvdm.benchmark.figure_specs import (
    COHERENCE,
    FRECHET,
    INCEPTION,
    NEAREST,
    RANDOM,
    FigureSpec,
    about,
    check_enough,
    computed,
)
from pvdm.benchmark.plan import CLIP, LONG, Setting
from pvdm.benchmark.result_store import Arrays, rows_of
from pvdm.benchmark.sample_measures import coherence_of, features_by, features_name, sampled
from pvdm.benchmark.shown_videos import shown_samples
from pvdm.evaluation.features.thumbnails import Thumbnails
from pvdm.evaluation.metrics.frechet import frechet_distance
from pvdm.evaluation.metrics.inception import score_in_splits
from pvdm.evaluation.protocols import PROTOCOLS

CURVES = ("sharpness", "warping_error", "second_differences")
CURVED = 64
"""Videos along which coherence is followed: the optical flow of all frames takes some seconds for each."""


def generation(context: BenchmarkContext, setting: Setting) -> dict[str, Any]:
    """A part of the results; all processes must call it."""
    specs = wanted_figures(context)
    reasons = {spec: why_not(context, spec) for spec in specs}
    rows = setting_rows(context, setting)
    figures = [
        spec.entry(missing=reasons[spec], **setting.names)
        if reasons[spec]
        else spec.measured(lambda spec=spec: figure_of(context, spec, rows), **setting.names)
        for spec in specs
    ]
    real = real_rows(context, CLIP)
    figures += [
        spec.measured(lambda spec=spec: _coherence(context, spec, rows, real), **setting.names) for spec in COHERENCE
    ]
    drift = {**setting.names, **curve(rows), "real": curve(real_rows(context, LONG))}
    return {"figures": figures, "curves": {"drift": [drift]}, "videos": shown_samples(context, setting)}


def wanted_figures(context: BenchmarkContext) -> list[FigureSpec]:
    """The figures of sampled videos in this table."""
    enough = [spec for spec in INCEPTION if spec.wanted.num_fake <= context.plan.num_videos]
    inception = enough[-1] if enough else INCEPTION[0]
    specs = [*FRECHET, inception, *(RANDOM if context.wants_random else ())]
    return [spec for spec in specs if context.plan.dataset in spec.datasets]


def setting_rows(context: BenchmarkContext, setting: Setting) -> Arrays:
    """What is kept of a setting's videos, which are sampled if they are not yet."""
    nearest = NEAREST[0]
    protocols = {
        features_name(protocol): protocol
        for spec in [*wanted_figures(context), nearest]
        if why_not(context, spec) is None
        for protocol in [context.protocol(spec.wanted)]
    }
    measures = [features_by(context, protocol) for protocol in protocols.values()]
    measures.append(features_by(context, context.protocol(nearest.wanted), Thumbnails()))
    limit = PROTOCOLS["coherence/16f"].num_fake
    return sampled(context, setting, [*measures, coherence_of(limit, curves=CURVED)])


def why_not(context: BenchmarkContext, spec: FigureSpec) -> str | None:
    """Why a figure cannot be had, or None."""
    protocol = context.protocol(spec.wanted)
    try:
        context.detector(protocol.detector)
        real = context.real(protocol) if protocol.kind == "fvd" else None
        check_enough(context, spec.wanted, real=real, fake=context.plan.num_videos)
    except Unavailable as error:
        return str(error)
    return None


def figure_of(context: BenchmarkContext, spec: FigureSpec, rows: Arrays) -> dict[str, Any]:
    """The values of an FVD or of an inception score, from the features of sampled videos."""
    protocol = context.protocol(spec.wanted)
    features = rows[features_name(protocol)][: protocol.num_fake]
    real = context.real(protocol) if protocol.kind == "fvd" else None
    facts = about(context, spec, real=real, fake=len(features))
    if real is None:
        value, spread = computed(score_in_splits, features, splits=min(protocol.splits, len(features)))
        return {"value": value, "spread_over_splits": spread, **facts}
    reference = context.real_features(protocol)
    value = computed(frechet_distance, reference, features)
    return {"value": value, **context.floor(protocol, reference, len(features)), **facts}


def _coherence(context: BenchmarkContext, spec: FigureSpec, rows: Arrays, real: Arrays) -> dict[str, Any]:
    """The mean over the videos, and over real clips."""
    clips, values = context.real(context.protocol(spec.wanted)), rows[f"coherence/{spec.key}"]
    facts = about(context, spec, real=clips, fake=len(values))
    return {"value": float(values.mean()), "real": float(real[f"coherence/{spec.key}"].mean()), **facts}


def real_coherence(context: BenchmarkContext) -> dict[str, Any]:
    """Measures the real clips that samples are compared with; adds nothing to the results by itself."""
    for frames in (CLIP, LONG):
        real_rows(context, frames)
    return {}


def real_rows(context: BenchmarkContext, frames: int) -> Arrays:
    """Coherence of real clips of 16 frames, or curves along those of 128; empty if there are none."""
    protocol = context.protocol(PROTOCOLS[f"coherence/{frames}f"])
    is_long = frames == LONG
    if is_long:
        protocol = protocol.with_changes(num_real=min(CURVED, protocol.num_real))
    try:
        real = context.real(protocol)
    except Unavailable:
        return {}
    count = len(real)
    measure = coherence_of(0, curves=count) if is_long else coherence_of(count, curves=0)

    def measured(numbers: Sequence[int]) -> Arrays:
        videos = torch.stack([clip.video for clip in real.read(numbers, batch_size=len(numbers))])
        return measure.of(videos, numbers)

    return rows_of(context, f"coherence/real-{frames}", count, measured, key=real.key())


def curve(rows: Arrays) -> dict[str, Any]:
    """Means over the videos by window, the windows' first frames, and the number of videos; empty without videos."""
    starts = rows.get("curve/start_frames", np.zeros((0, 0)))
    if not len(starts):
        return {"videos": 0, "start_frames": [], **{name: [] for name in CURVES}}
    means = {name: rows[f"curve/{name}"].mean(0).tolist() for name in CURVES}
    return {"videos": len(starts), "start_frames": starts[0].astype(int).tolist(), **means}
