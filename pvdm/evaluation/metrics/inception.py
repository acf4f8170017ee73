"""Inception score: how certain a classifier is of each clip, and how varied its classes are."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from scipy.special import xlogy

from pvdm.errors import InputError
from pvdm.evaluation.clips.source import ClipSource
from pvdm.evaluation.metrics.frechet import Features, check_numbers, feature_rows
from pvdm.evaluation.metrics.metric_setup import MetricSetup
from pvdm.evaluation.metrics.score import Score, Scores


def measure(real: ClipSource | None, fake: ClipSource, setup: MetricSetup) -> Scores:
    """`is` of the generated clips; real clips are not used."""
    score, spread = score_in_splits(setup.features(fake), setup.protocol.splits)
    return Scores({"is": Score(score, "higher", spread_over_splits=spread)})


def score_in_splits(probabilities: np.ndarray, splits: int) -> tuple[float, float | None]:
    """Inception score of rows (n, classes), and its standard deviation over the splits, or None if there is only one.

    Rows are shuffled first, as in src/metrics/video_inception_score.py of universome/stylegan-v: clips ordered by class
    would otherwise give splits of a few classes each.
    """
    if splits == 1:
        return inception_score(probabilities, splits=1)[0], None
    return inception_score(np.random.RandomState(42).permutation(probabilities), splits=splits)


def inception_score(probabilities: Features, *, splits: int) -> tuple[float, float]:
    """exp of the mean divergence KL(p(y|x) || p(y)), Salimans et al. 2016, section 4: mean and deviation over splits.

    probabilities: (n, classes), each row a distribution. Split k consists of rows k n / splits to (k + 1) n / splits,
    and p(y) is their mean. The deviation is that of the splits themselves (divided by their number, not one less).
    InputError for logits.
    """
    rows = _probabilities(probabilities)
    if not 1 <= splits <= len(rows):
        raise InputError(f"{len(rows)} clips cannot be divided into {splits} splits", f"give 1 to {len(rows)}")
    bounds = [k * len(rows) // splits for k in range(splits + 1)]
    scores = [np.exp(_mutual_information(rows[i:j])) for i, j in pairwise(bounds)]
    return float(np.mean(scores)), float(np.std(scores))


def _mutual_information(rows: np.ndarray) -> float:
    """Mean over x of KL(p(y|x) || p(y)), where 0 log 0 = 0."""
    mean = rows.mean(0)
    return float(xlogy(rows, rows).sum(1).mean() - xlogy(mean, mean).sum())


def _probabilities(values: Features) -> np.ndarray:
    rows = feature_rows(values)
    if rows.ndim != 2 or not rows.size:
        raise InputError(f"the probabilities have the shape {rows.shape}", "give (n, classes), one row per clip")
    check_numbers(rows, "the probabilities")
    if rows.min() < 0 or np.abs(rows.sum(1) - 1).max() > 1e-3:
        raise InputError(
            f"the probabilities range from {rows.min():.3g} to {rows.max():.3g} and sum to {rows.sum(1).max():.3g}",
            "give the output of a softmax, whose rows sum to 1",
        )
    return rows
