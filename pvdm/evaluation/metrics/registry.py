"""The metrics by name: each a function from real and generated clips to its figures."""

from __future__ import annotations

from collections.abc import Callable

from pvdm.evaluation.clips.source import ClipSource
from pvdm.evaluation.metrics import coherence, frechet, inception, naturalness, nearest, reconstruction
from pvdm.evaluation.metrics.setup import MetricSetup
from pvdm.evaluation.results import Outcome

METRICS: dict[str, Callable[[ClipSource | None, ClipSource, MetricSetup], Outcome]] = {
    "fvd": frechet.measure,
    "is": inception.measure,
    "reconstruction": reconstruction.measure,
    "coherence": coherence.measure,
    "naturalness": naturalness.measure,
    "nearest": nearest.measure,
}
NEED_REAL = ("fvd", "reconstruction", "nearest")
"""Those that compare; the others can do without real clips."""
