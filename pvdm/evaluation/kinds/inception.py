"""Inception score: how sure a classifier is of each clip, and how different its classes are."""

from __future__ import annotations

import numpy as np

from pvdm.evaluation.clips import ClipSource
from pvdm.evaluation.distances import inception_score
from pvdm.evaluation.kinds.setting import Setting
from pvdm.evaluation.results import Figure, Outcome


def measure(real: ClipSource | None, fake: ClipSource, setting: Setting) -> Outcome:
    """`is` of the generated clips; real ones have no part in it.

    Splits are drawn as in src/metrics/video_inception_score.py of universome/stylegan-v: clips in the order of their
    classes would else make splits of a few classes each.
    """
    probabilities = setting.features(fake, "generated clips")
    if setting.protocol.splits > 1:
        np.random.RandomState(42).shuffle(probabilities)
    score, spread = inception_score(probabilities, splits=setting.protocol.splits)
    return Outcome({"is": Figure(score, "higher", spread_over_splits=spread if setting.protocol.splits > 1 else None)})
