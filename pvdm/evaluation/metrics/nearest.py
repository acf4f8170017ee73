"""Diversity and memorization: the nearest training clip to each sample in feature space."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from pvdm.errors import InputError
from pvdm.evaluation.clips.source import ClipSource
from pvdm.evaluation.features.distances import mean_pairwise_distance, nearest
from pvdm.evaluation.features.thumbnails import WIDTH, Thumbnails
from pvdm.evaluation.metrics.copies import FEWEST_HELD_OUT, find_copies, too_few
from pvdm.evaluation.metrics.metric_setup import MetricSetup
from pvdm.evaluation.metrics.score import Score, Scores
from pvdm.evaluation.pairs_picture import Pair

TRAINING, HELD_OUT = "training clips", "held-out clips"
LISTED = 16
"""Pairs of the smallest distance that a result lists."""


def measure(real: ClipSource, fake: ClipSource, setup: MetricSetup) -> Scores:
    """`diversity`, `copied_share`, `nearest_distance` and, if there are held-out clips, `nearer_than_held_out`.

    The real clips are those that the model was trained on. The `real` value of the distance is that of held-out clips,
    and that of the copied share is the share expected of new clips (see `find_copies`). `pairs` are the nearest.
    """
    training = setup.real_features(real, TRAINING)
    rows = setup.rows(fake, lambda video: _features_and_thumbnails(video, setup), "generated clips")
    held_out = None if setup.held_out is None else setup.real_features(setup.held_out, HELD_OUT)
    samples = rows[:, :-WIDTH]
    index, distance = nearest(samples, training)
    usual = None if held_out is None else float(nearest(held_out, training)[1].mean())
    scores = {
        "diversity": Score(diversity(samples, training), "like real", real=1.0),
        "copied_share": _copied_share(real, rows[:, -WIDTH:], setup),
        "nearest_distance": Score(float(distance.mean()), "like real", real=usual),
    }
    if held_out is not None:
        nearer = nearer_than_held_out(samples, held_out, training)
        scores["nearer_than_held_out"] = Score(nearer, "like real", real=0.5)
    return Scores(scores, {"pairs": nearest_pairs(real, fake, index, distance)})


def _features_and_thumbnails(video: Tensor, setup: MetricSetup) -> Tensor:
    """(b, d + 768): both in one pass, so that clips are sampled once."""
    return torch.cat([rows.cpu().double() for rows in (setup.detector(video), Thumbnails()(video))], dim=1)


def _copied_share(real: ClipSource, samples: np.ndarray, setup: MetricSetup) -> Score:
    """The share of copies by thumbnails; no value, but the reason, if too few clips are held out."""
    held_out = setup.held_out
    if held_out is None or len(held_out) < FEWEST_HELD_OUT:
        return Score(None, "lower", missing=str(too_few(0 if held_out is None else len(held_out))))
    training, new = (
        setup.real_features(source, f"thumbnails of {label}", detector=Thumbnails())
        for label, source in {TRAINING: real, HELD_OUT: held_out}.items()
    )
    try:
        copies = find_copies(samples, training, new)
    except InputError as error:
        return Score(None, "lower", missing=str(error))
    return Score(copies.share, "lower", real=copies.expected, note=copies.note)


def diversity(features: np.ndarray, reference: np.ndarray) -> float:
    """Mean pairwise distance of samples (n, d) relative to real clips (m, d): 1 is as diverse, 0 a single video.

    NaN if all real clips are the same.
    """
    real = mean_pairwise_distance(reference)
    return mean_pairwise_distance(features) / real if real else float("nan")


def nearer_than_held_out(features: np.ndarray, held_out: np.ndarray, reference: np.ndarray) -> float:
    """The chance that a sample (n, d) is nearer to the training clips (m, d) than a held-out real clip (k, d) is.

    The statistic of Meehan et al. 2020 (arXiv 2004.05675), section 3.2, for the whole space, by their Mann-Whitney
    test: 1/2 if samples are like new real clips, 1 if all are copies, 0 if all are far from any; ties count half.
    """
    samples, held = nearest(features, reference)[1], np.sort(nearest(held_out, reference)[1])
    farther = len(held) - np.searchsorted(held, samples, side="right")
    farther_or_equal = len(held) - np.searchsorted(held, samples, side="left")
    return float((farther + farther_or_equal).mean() / (2 * len(held)))


def nearest_pairs(real: ClipSource, fake: ClipSource, index: np.ndarray, distance: np.ndarray) -> list[dict]:
    """The `LISTED` nearest pairs, nearest first: names, numbers in their sources, and distance; JSON-able."""
    return [
        {
            "sample": fake.name(sample),
            "training": real.name(int(index[sample])),
            "distance": float(distance[sample]),
            "sample_index": sample,
            "training_index": int(index[sample]),
        }
        for sample in np.argsort(distance, kind="stable")[:LISTED].tolist()
    ]


def read_pairs(real: ClipSource, fake: ClipSource, pairs: list[dict]) -> list[Pair]:
    """The clips of `nearest_pairs`, for `pairs_picture`."""
    samples = fake.read([pair["sample_index"] for pair in pairs])
    training = real.read([pair["training_index"] for pair in pairs])
    triples = zip(samples, training, pairs, strict=True)
    return [Pair(a.video, b.video, a.name, b.name, pair["distance"]) for a, b, pair in triples]
