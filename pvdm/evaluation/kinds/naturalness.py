"""VIIDEO: how natural the differences of frames are, without a reference."""

from __future__ import annotations

import torch
from torch import Tensor

from pvdm.evaluation.clips import ClipSource
from pvdm.evaluation.kinds.setting import Setting
from pvdm.evaluation.naturalness import viideo
from pvdm.evaluation.results import Figure, Outcome


def measure(real: ClipSource | None, fake: ClipSource, setting: Setting) -> Outcome:
    """`viideo`, the mean over clips."""
    found = setting.rows(fake, scores, "generated clips").mean()
    wanted = None if real is None else setting.rows(real, scores, "real clips").mean()
    return Outcome({"viideo": Figure(float(found), "like real", real=wanted)})


def scores(video: Tensor) -> Tensor:
    """(b, 3, t, h, w) uint8 -> (b, 1) float64."""
    return torch.tensor([[viideo(clip)] for clip in video], dtype=torch.float64)
