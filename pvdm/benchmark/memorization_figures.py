"""Whether samples are copies: how diverse they are, the share of near copies, and pictures of the nearest pairs."""

from __future__ import annotations

from typing import Any

import numpy as np

from pvdm.benchmark.context import BenchmarkContext, Unavailable
from pvdm.benchmark.figure_specs import NEAREST, about, computed
from pvdm.benchmark.generation_figures import setting_rows
from pvdm.benchmark.plan import CLIP, Setting
from pvdm.benchmark.result_store import Arrays
from pvdm.benchmark.sample_measures import features_name
from pvdm.evaluation.clips.source import Clip, ClipSource
from pvdm.evaluation.features.distances import nearest
from pvdm.evaluation.features.thumbnails import Thumbnails
from pvdm.evaluation.metrics.copies import FEWEST_HELD_OUT, find_copies, too_few
from pvdm.evaluation.metrics.nearest import diversity
from pvdm.evaluation.metrics.pairs_picture import Pair, pairs_picture
from pvdm.evaluation.protocol import Protocol
from pvdm.evaluation.protocols import PROTOCOLS
from pvdm.files.atomic_write import replacing

PICTURES = 8
"""Pairs that are shown: the nearest ones."""


def memorization(context: BenchmarkContext, setting: Setting) -> dict[str, Any]:
    """A part of the results; all processes must call it."""
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
