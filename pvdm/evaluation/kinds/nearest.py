"""Diversity and memorization: the nearest training clip to each sample in feature space."""

from __future__ import annotations

import numpy as np

from pvdm.evaluation.clips import ClipSource
from pvdm.evaluation.kinds.setting import Setting
from pvdm.evaluation.nearest import NO_HELD_OUT, Pair, copied_share, diversity, nearer_than_held_out, nearest
from pvdm.evaluation.results import Figure, Outcome

LISTED = 16
"""Pairs of the smallest distance that a result lists."""


def measure(real: ClipSource, fake: ClipSource, setting: Setting) -> Outcome:
    """`diversity`, `copied_share`, `nearest_distance` and, where there are such clips, `nearer_than_held_out`.

    See the functions of these names in `pvdm.evaluation.nearest`; the real clips are those that were trained on. Of
    held-out clips the share of copies and the distance are told as those of real ones. `pairs` are the nearest.
    """
    training, found = setting.real_features(real, "training clips"), setting.features(fake, "generated clips")
    held = None if setting.held_out is None else setting.real_features(setting.held_out, "held-out clips")
    index, distance = nearest(found, training)
    figures = {
        "diversity": Figure(diversity(found, training), "like real", real=1.0),
        "copied_share": Figure(
            copied_share(found, training),
            "lower",
            real=None if held is None else copied_share(held, training),
            note=NO_HELD_OUT if held is None else None,
        ),
        "nearest_distance": Figure(
            float(distance.mean()), "like real", real=None if held is None else float(nearest(held, training)[1].mean())
        ),
    }
    if held is not None:
        figures["nearer_than_held_out"] = Figure(nearer_than_held_out(found, held, training), "like real", real=0.5)
    return Outcome(figures, {"pairs": listed(real, fake, index, distance)})


def listed(real: ClipSource, fake: ClipSource, index: np.ndarray, distance: np.ndarray) -> list[dict]:
    """The nearest pairs first: names, numbers in their sources, and distance."""
    pairs = [(n, int(index[n]), float(distance[n])) for n in np.argsort(distance, kind="stable")[:LISTED].tolist()]
    return [
        {
            "sample": fake.name(sample),
            "training": real.name(training),
            "distance": found,
            "sample_index": sample,
            "training_index": training,
        }
        for sample, training, found in pairs
    ]


def pairs(real: ClipSource, fake: ClipSource, found: list[dict]) -> list[Pair]:
    """The clips of listed pairs, for `pvdm.evaluation.nearest.pairs_picture`."""
    samples = fake.read([pair["sample_index"] for pair in found])
    training = real.read([pair["training_index"] for pair in found])
    triples = zip(samples, training, found, strict=True)
    return [Pair(a.video, b.video, a.name, b.name, pair["distance"]) for a, b, pair in triples]
