"""Inception score: how sure a classifier is of each clip, and how different its classes are."""

from __future__ import annotations

import numpy as np

from pvdm.evaluation.clips import ClipSource
from pvdm.evaluation.distances import inception_score
from pvdm.evaluation.kinds.setting import Setting
from pvdm.evaluation.results import Figure, Outcome


def measure(real: ClipSource | None, fake: ClipSource, setting: Setting) -> Outcome:
    """`is` of the generated clips; real ones have no part in it."""
    score, spread = score_in_splits(setting.features(fake, "generated clips"), setting.protocol.splits)
    return Outcome({"is": Figure(score, "higher", spread_over_splits=spread)})


def score_in_splits(probabilities: np.ndarray, splits: int) -> tuple[float, float | None]:
    """Inception score of rows (n, classes), and its deviation over the splits, None of a single one.

    Splits are drawn as in src/metrics/video_inception_score.py of universome/stylegan-v: clips in the order of their
    classes would else make splits of a few classes each.
    """
    if splits == 1:
        return inception_score(probabilities, splits=1)[0], None
    return inception_score(np.random.RandomState(42).permutation(probabilities), splits=splits)
