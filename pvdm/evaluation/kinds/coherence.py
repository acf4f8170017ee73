"""Temporal coherence: warping error, flicker and motion, of generated clips beside those of real ones."""

from __future__ import annotations

import torch
from torch import Tensor

from pvdm.evaluation.clips import ClipSource
from pvdm.evaluation.coherence import coherence
from pvdm.evaluation.kinds.setting import Setting, means
from pvdm.evaluation.results import Figure, Outcome

NAMES = ["warping_error", "second_differences", "motion", "occlusion"]


def measure(real: ClipSource | None, fake: ClipSource, setting: Setting) -> Outcome:
    """The mean over clips of each measure of `pvdm.evaluation.coherence`."""
    found = means(NAMES, setting.rows(fake, measures, "generated clips"))
    wanted = {} if real is None else means(NAMES, setting.rows(real, measures, "real clips"))
    return Outcome({name: Figure(found[name], "like real", real=wanted.get(name)) for name in NAMES})


def measures(video: Tensor) -> Tensor:
    """(b, 3, t, h, w) uint8 -> (b, 4) float64."""
    found = [coherence(clip) for clip in video]
    return torch.tensor([[clip[name] for name in NAMES] for clip in found], dtype=torch.float64)
