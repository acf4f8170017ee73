"""What a measurement is made with, and what all kinds do with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pvdm.autoencoder.perceptual import PerceptualDistance
from pvdm.evaluation.clips.source import ClipSource
from pvdm.evaluation.features.detectors import Detector
from pvdm.evaluation.features.extraction import extract, extract_once
from pvdm.evaluation.features.thumbnails import Thumbnails
from pvdm.evaluation.metrics.floor import Halves, halves
from pvdm.evaluation.protocol import Protocol
from pvdm.runtime.processes import ALONE, Processes

Progress = Callable[[str, int, int], None]
"""Told (what is done, clips done, clips in all) of this process."""


@dataclass(frozen=True)
class MetricSetup:
    """A protocol and the means to measure by it.

    Args:
        detector: The protocol's network, if it has one.
        lpips: LPIPS of frames, or the sentence that says why there is none.
        st_rred: Whether reconstructions are judged by ST-RRED, which takes its time.
        held_out: Real clips that no model was trained on, for `nearest`.
    """

    protocol: Protocol
    seed: int = 0
    detector: Detector | None = None
    lpips: PerceptualDistance | str = ""
    st_rred: bool = False
    held_out: ClipSource | None = None
    batch_size: int = 4
    device: torch.device | str = "cpu"
    processes: Processes = ALONE
    progress: Progress | None = None

    def features(self, source: ClipSource, what: str) -> np.ndarray:
        """Rows (n, d) float64 of all clips."""
        return self.rows(source, self.detector, what)

    def real_features(
        self, source: ClipSource, what: str = "real clips", *, detector: Detector | Thumbnails | None = None
    ) -> np.ndarray:
        """The same, computed once; by another detector if one is given."""
        options = {"batch_size": self.batch_size, "processes": self.processes, "progress": self.told(what)}
        return extract_once(source, detector or self.detector, **options)

    def real_halves(self, real: ClipSource, rows: np.ndarray, count: int) -> Halves:
        """Real clips against other real ones, see `floor.py`; rows (n, d): features of the first."""
        return halves(
            real, rows, count, features=lambda others: self.real_features(others, "other real clips"), seed=self.seed
        )

    def rows(self, source: ClipSource, of_clips: Callable[[Tensor], Tensor], what: str) -> np.ndarray:
        """Any numbers of clips, (b, 3, t, h, w) uint8 -> (b, d), as rows (n, d) float64 of all clips."""
        progress = self.told(what)
        return extract(source, of_clips, batch_size=self.batch_size, processes=self.processes, progress=progress)

    def told(self, what: str) -> Callable[[int, int], None] | None:
        """Progress of one pass over clips."""
        several = f", seed {self.seed}" if len(self.protocol.seeds) > 1 else ""
        told = self.progress
        return (
            None if told is None else lambda done, total: told(f"{self.protocol.title}: {what}{several}", done, total)
        )


def means(names: list[str], rows: np.ndarray) -> dict[str, Any]:
    """The mean of each column, by name."""
    return dict(zip(names, rows.mean(0).tolist(), strict=True))
