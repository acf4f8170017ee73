"""Whether samples are copies: their nearest training clips, as pictures, and how diverse they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pvdm.benchmark.bench import Bench, Unavailable
from pvdm.benchmark.chunks import Arrays
from pvdm.benchmark.figures import NEAREST, Spec, check_enough, computed, counts, named
from pvdm.benchmark.generation import setting_rows
from pvdm.benchmark.measures import features_name
from pvdm.benchmark.plan import CLIP, Setting
from pvdm.evaluation.clips.source import Clip
from pvdm.evaluation.features.distances import nearest
from pvdm.evaluation.features.thumbnails import Thumbnails
from pvdm.evaluation.metrics.copies import FEWEST_HELD_OUT, find_copies, too_few
from pvdm.evaluation.metrics.nearest import diversity
from pvdm.evaluation.metrics.pairs_picture import Pair, pairs_picture
from pvdm.evaluation.protocol import Protocol
from pvdm.evaluation.protocols import PROTOCOLS
from pvdm.files.atomic_write import replacing

PICTURES = 8
"""Pairs that are shown: those that are nearest."""


def memorization(bench: Bench, setting: Setting) -> dict[str, Any]:
    """A part of the results; all processes must call it."""
    protocol, names = bench.protocol(PROTOCOLS["nearest/16f"]), {"setting": setting.name, "sampler": setting.sampler}
    try:
        real = bench.real(protocol)
        few = check_enough(bench, NEAREST[0].wanted, real=real, fake=bench.plan.num_videos)
        reference = bench.real_features(protocol)
    except Unavailable as error:
        return {"figures": [spec.missing(str(error), **names) for spec in NEAREST]}
    kept = {name: rows[: protocol.num_fake] for name, rows in setting_rows(bench, setting).items()}
    features = kept[features_name(protocol)]
    by = {"few": few, "counts": counts(real, len(features)), **named(protocol)}
    measures = {
        "diversity": lambda: _diversity(features, reference),
        "copied_share": lambda: _copied(bench, protocol, kept),
    }
    figures = [_figure(spec, measures[spec.key], **by, **names) for spec in NEAREST]
    pictures = bench.alone(lambda bench: _pictures(bench, setting, real, *nearest(features, reference)))
    return {"figures": figures, "nearest": pictures}


def held_out(bench: Bench, protocol: Protocol) -> np.ndarray | None:
    """Thumbnails (k, d) of the clips of the test part; None where the data have none."""
    try:
        return bench.real_features(protocol, part="test", detector=Thumbnails())
    except Unavailable:
        return None


def _diversity(features: np.ndarray, reference: np.ndarray) -> dict[str, Any]:
    value = computed(diversity, features, reference)
    if not np.isfinite(value):
        raise Unavailable("all real clips are one")
    return {"value": value, "real": 1.0}


def _copied(bench: Bench, protocol: Protocol, kept: Arrays) -> dict[str, Any]:
    """The share of copies, that of new real clips, and what to know of it; Unavailable with too few held-out clips."""
    held = held_out(bench, protocol)
    if held is None or len(held) < FEWEST_HELD_OUT:
        raise Unavailable(too_few(0 if held is None else len(held)))
    training = bench.real_features(protocol, detector=Thumbnails())
    copies = computed(find_copies, kept[features_name(protocol, Thumbnails.name)], training, held)
    return {"value": copies.share, "real": copies.expected, "note": copies.note}


def _figure(spec: Spec, measure: Callable[[], dict[str, Any]], **rest: Any) -> dict[str, Any]:
    try:
        return spec.entry(**measure(), **rest)
    except Unavailable as error:
        return spec.missing(str(error), **rest)


def _pictures(bench: Bench, setting: Setting, real: Any, index: np.ndarray, distance: np.ndarray) -> list[dict]:
    """Entries of `nearest`, and their files; the samples are made once more, as only their features were kept."""
    chosen = np.argsort(distance, kind="stable")[:PICTURES]
    samples = bench.samples(setting, CLIP).read(chosen.tolist(), batch_size=bench.plan.batch_size)
    training = real.read([int(index[number]) for number in chosen], batch_size=bench.plan.batch_size)
    return [
        _picture(bench, place, sample, clip, float(distance[number]))
        for place, (number, sample, clip) in enumerate(zip(chosen, samples, training, strict=True))
    ]


def _picture(bench: Bench, place: int, sample: Clip, training: Clip, distance: float) -> dict[str, Any]:
    file = f"nearest/{place:03d}.jpg"
    picture = pairs_picture([Pair(sample.video, training.video, sample.name, training.name, distance)])
    with replacing(bench.work.report / file, overwrite=True) as temporary:
        picture.save(temporary, "jpeg", quality=90)
    return {"picture": file, "sample": sample.name, "training": training.name, "distance": distance}
