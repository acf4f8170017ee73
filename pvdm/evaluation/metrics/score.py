"""What a metric returns: scores by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pvdm.evaluation.metrics.floor import Floor

Better = Literal["lower", "higher", "like real"]


@dataclass(frozen=True)
class Score:
    """One number of one repetition.

    Args:
        value: The number, or None if it could not be computed; `missing` then says why.
        better: Which values are good: low, high, or close to those of real clips.
        real: The same number for real clips.
        floor: For a distance, the distance between two sets of real clips.
        spread_over_splits: Standard deviation over the splits that an inception score averages.
        missing: Why there is no value, and what to do about it.
        note: How to read the value, where it would mislead on its own.
    """

    value: float | None
    better: Better
    real: float | None = None
    floor: Floor | None = None
    spread_over_splits: float | None = None
    missing: str | None = None
    note: str | None = None


@dataclass(frozen=True)
class Scores:
    """The scores of one repetition, and `details`: curves and lists, JSON-able."""

    by_name: Mapping[str, Score]
    details: Mapping[str, Any] = field(default_factory=dict)
