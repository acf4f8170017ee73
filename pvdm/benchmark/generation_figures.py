"""The table of generation for one setting, all of the same videos: FVD16, FVD128, IS, coherence, and memorization."""

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
from pvdm.evaluation.clips.source import Clip, ClipSource
from pvdm.evaluation.features.distances import nearest
from pvdm.evaluation.features.thumbnails import Thumbnails
from pvdm.evaluation.metrics.copies import FEWEST_HELD_OUT, find_copies, too_few
from pvdm.evaluation.metrics.frechet import frechet_distance
from pvdm.evaluation.metrics.inception import score_in_splits
from pvdm.evaluation.metrics.nearest import diversity
from pvdm.evaluation.pairs_picture import Pair, pairs_picture
from pvdm.evaluation.protocol import Protocol
from pvdm.evaluation.protocols import PROTOCOLS
from pvdm.files.atomic_write import replacing

PICTURES = 8
"""Pairs of a sample and its nearest clip that are shown: the nearest ones."""

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
    copies = NEAREST[0]
    protocols = {
        features_name(protocol): protocol
        for spec in [*wanted_figures(context), copies]
        if why_not(context, spec) is None
        for protocol in [context.protocol(spec.wanted)]
    }
    measures = [features_by(context, protocol) for protocol in protocols.values()]
    measures.append(features_by(context, context.protocol(copies.wanted), Thumbnails()))
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


def memorization(context: BenchmarkContext, setting: Setting) -> dict[str, Any]:
    """Whether samples are copies, as a part of the results; all processes must call it."""
    protocol = context.protocol(PROTOCOLS["nearest/16f"])
    try:
        real = context.real(protocol)
        about(context, NEAREST[0], real=real, fake=context.plan.num_videos)
        reference = context.real_features(protocol)
    except Unavailable as error:
        return {"figures": [spec.entry(missing=str(error), **setting.names) for spec in NEAREST]}
    rows = {name: found[: protocol.num_fake] for name, found in setting_rows(context, setting).items()}
    features = rows[features_name(protocol)]
    facts = {**setting.names, **about(context, NEAREST[0], real=real, fake=len(features))}
    figures = [
        NEAREST[0].measured(lambda: _diversity(features, reference), **facts),
        NEAREST[1].measured(lambda: _copied(context, protocol, rows), **facts),
    ]
    found = nearest(features, reference)
    return {"figures": figures, "nearest": context.alone(lambda context: _pictures(context, setting, real, *found))}


def _diversity(features: np.ndarray, reference: np.ndarray) -> dict[str, Any]:
    value = computed(diversity, features, reference)
    if not np.isfinite(value):
        raise Unavailable("all real clips are one")
    return {"value": value, "real": 1.0}


def _copied(context: BenchmarkContext, protocol: Protocol, rows: Arrays) -> dict[str, Any]:
    """The share of copies, that of new real clips, and a note; Unavailable with too few held-out clips."""
    try:
        held_out = context.real_features(protocol, part="test", detector=Thumbnails())
    except Unavailable:
        held_out = ()
    if len(held_out) < FEWEST_HELD_OUT:
        raise Unavailable(str(too_few(len(held_out))))
    training = context.real_features(protocol, detector=Thumbnails())
    copies = computed(find_copies, rows[features_name(protocol, Thumbnails.name)], training, held_out)
    return {"value": copies.share, "real": copies.expected, "note": copies.note}


def _pictures(
    context: BenchmarkContext, setting: Setting, real: ClipSource, index: np.ndarray, distance: np.ndarray
) -> list[dict[str, Any]]:
    """Entries of `nearest`, and their files; the samples are made again, because only their features were kept."""
    chosen = np.argsort(distance, kind="stable")[:PICTURES]
    samples = context.samples(setting, CLIP).read(chosen.tolist(), batch_size=context.plan.batch_size)
    training = real.read([int(index[number]) for number in chosen], batch_size=context.plan.batch_size)
    return [
        _picture(context, place, sample, clip, float(distance[number]))
        for place, (number, sample, clip) in enumerate(zip(chosen, samples, training, strict=True))
    ]


def _picture(context: BenchmarkContext, place: int, sample: Clip, training: Clip, distance: float) -> dict[str, Any]:
    file = f"nearest/{place:03d}.jpg"
    picture = pairs_picture([Pair(sample.video, training.video, sample.name, training.name, distance)])
    with replacing(context.store.report / file, overwrite=True) as temporary:
        picture.save(temporary, "jpeg", quality=90)
    return {"picture": file, "sample": sample.name, "training": training.name, "distance": distance}
