"""Whether samples are copies: their nearest training clips, as pictures, and how diverse they are."""

from __future__ import annotations

from typing import Any

import numpy as np

from pvdm.benchmark.bench import Bench, Unavailable
from pvdm.benchmark.figures import NEAREST, Spec, check_enough, computed, counts
from pvdm.benchmark.generation import setting_rows
from pvdm.benchmark.measures import features_name
from pvdm.benchmark.plan import CLIP, Setting
from pvdm.evaluation.clips import Clip
from pvdm.evaluation.nearest import NO_HELD_OUT, Pair, copied_share, diversity, nearest, pairs_picture
from pvdm.evaluation.protocol import Protocol
from pvdm.evaluation.protocols import PROTOCOLS
from pvdm.output import replacing

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
    features = setting_rows(bench, setting)[features_name(protocol)][: protocol.num_fake]
    by = {"protocol": protocol.name, "based_on": protocol.based_on, "few": few, "counts": counts(real, len(features))}
    beside = _beside(held_out(bench, protocol), reference)
    figures = [_figure(spec, features, reference, **beside[spec.key], **by, **names) for spec in NEAREST]
    pictures = bench.alone(lambda bench: _pictures(bench, setting, real, *nearest(features, reference)))
    return {"figures": figures, "nearest": pictures}


def held_out(bench: Bench, protocol: Protocol) -> np.ndarray | None:
    """Features (k, d) of the clips of the test part; None where the data have none."""
    try:
        return bench.real_features(protocol, part="test")
    except Unavailable:
        return None


def _beside(held: np.ndarray | None, reference: np.ndarray) -> dict[str, dict[str, Any]]:
    """What real clips have by each figure's key, or how it is to be read without."""
    share = {"note": NO_HELD_OUT} if held is None else {"real": copied_share(held, reference)}
    return {"diversity": {"real": 1.0}, "copied_share": share}


def _figure(spec: Spec, features: np.ndarray, reference: np.ndarray, **rest: Any) -> dict[str, Any]:
    try:
        value = computed({"diversity": diversity, "copied_share": copied_share}[spec.key], features, reference)
    except Unavailable as error:
        return spec.missing(str(error), **rest)
    return spec.entry(value=value, **rest) if np.isfinite(value) else spec.missing("all real clips are one", **rest)


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
