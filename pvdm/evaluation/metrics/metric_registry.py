"""All metrics, by the `kind` of the protocols that use them.

To add a metric:

1. Write `metrics/<name>.py`: the equations as functions of tensors or arrays, each with its source, and
   `measure(real, fake, setup) -> Scores`, which reads the clips (`setup.features`, `setup.rows`) and names the scores.
2. Add a line to `METRICS` below, and the name to `Kind` in `protocol.py`.
3. Add a protocol of this kind to `protocols.py`: the number of clips, their size and length, the source.
4. Optional: give the scores a display name or a unit in `result_table.py`.
5. Describe the protocol in docs/evaluation.md; a test compares its table with `PROTOCOLS`.

`metrics/inception.py` is the shortest example.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pvdm.evaluation.clips.source import ClipSource
from pvdm.evaluation.metrics import appearance, coherence, frechet, inception, naturalness, nearest, reconstruction
from pvdm.evaluation.metrics.metric_setup import MetricSetup
from pvdm.evaluation.metrics.score import Scores
from pvdm.evaluation.protocol import Kind


@dataclass(frozen=True)
class Metric:
    """How a kind of protocol is measured.

    Args:
        measure: Computes the scores of generated clips; real clips may be None unless `needs_real`.
        needs_real: Whether it compares with real clips, so that they must be given.
        min_clips: Clips of each side below which it is undefined.
        uses_real: Whether it measures real clips, too, if they are given.
    """

    measure: Callable[[ClipSource | None, ClipSource, MetricSetup], Scores]
    needs_real: bool
    min_clips: int
    uses_real: bool = True


METRICS: dict[Kind, Metric] = {
    "fvd": Metric(frechet.measure, needs_real=True, min_clips=2),
    "is": Metric(inception.measure, needs_real=False, min_clips=1, uses_real=False),  # or one for each of its splits
    "reconstruction": Metric(reconstruction.measure, needs_real=True, min_clips=2),
    "coherence": Metric(coherence.measure, needs_real=False, min_clips=1),
    "naturalness": Metric(naturalness.measure, needs_real=False, min_clips=1),
    "appearance": Metric(appearance.measure, needs_real=True, min_clips=4),
    "nearest": Metric(nearest.measure, needs_real=True, min_clips=2),
}
