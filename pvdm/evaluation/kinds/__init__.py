"""The kinds of measurements: each a function from real and generated clips to figures."""

from __future__ import annotations

from collections.abc import Callable

from pvdm.evaluation.clips import ClipSource
from pvdm.evaluation.kinds import coherence, frechet, inception, naturalness, nearest, reconstruction
from pvdm.evaluation.kinds.setting import Setting
from pvdm.evaluation.results import Outcome

__all__ = ["KINDS", "NEED_REAL", "Setting"]

KINDS: dict[str, Callable[[ClipSource | None, ClipSource, Setting], Outcome]] = {
    "fvd": frechet.measure,
    "is": inception.measure,
    "reconstruction": reconstruction.measure,
    "coherence": coherence.measure,
    "naturalness": naturalness.measure,
    "nearest": nearest.measure,
}
NEED_REAL = ("fvd", "reconstruction", "nearest")
"""Those that compare; the others can do without real clips."""
