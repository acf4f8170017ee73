"""Inception score: how sure a classifier is of each clip, and how different its classes are."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from scipy.special import xlogy

from pvdm.errors import InputError
from pvdm.evaluation.clips.source import ClipSource
from pvdm.evaluation.metrics.frechet import Features, check_numbers, feature_rows
from pvdm.evaluation.metrics.setup import MetricSetup
from pvdm.evaluation.results import Outcome, Score


def measure(real: ClipSource | None, fake: ClipSource, setting: MetricSetup) -> Outcome:
    """`is` of the generated clips; real ones have no part in it."""
    score, spread = score_in_splits(setting.features(fake, "generated clips"), setting.protocol.splits)
    return Outcome({"is": Score(score, "higher", spread_over_splits=spread)})


def score_in_splits(probabilities: np.ndarray, splits: int) -> tuple[float, float | None]:
    """Inception score of rows (n, classes), and its deviation over the splits, None of a single one.

    Splits are drawn as in src/metrics/video_inception_score.py of universome/stylegan-v: clips in the order of their
    classes would else make splits of a few classes each.
    """
    if splits == 1:
        return inception_score(probabilities, splits=1)[0], None
    return inception_score(np.random.RandomState(42).permutation(probabilities), splits=splits)


def inception_score(probabilities: Features, *, splits: int) -> tuple[float, float]:
    """exp of the mean divergence KL(p(y|x) || p(y)), Salimans et al. 2016, section 4: mean and deviation over splits.

    probabilities: (n, classes), each row a distribution; split k has the rows from k n / splits to (k + 1) n / splits,
    and p(y) is their mean. The deviation is that of the splits (not an estimate of more). InputError for logits.
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
        raise InputError(f"the probabilities have the shape {rows.shape}", "give (n, classes), a row for each clip")
    check_numbers(rows, "the probabilities")
    if rows.min() < 0 or np.abs(rows.sum(1) - 1).max() > 1e-3:
        raise InputError(
            f"the probabilities go from {rows.min():.3g} to {rows.max():.3g} and sum up to {rows.sum(1).max():.3g}",
            "give those of a softmax, whose rows sum up to 1",
        )
    return rows
