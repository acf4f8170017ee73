"""The inputs of every metric besides the clips: protocol, networks, batch size, processes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pvdm.autoencoder.perceptual import PerceptualDistance
from pvdm.evaluation.clips.source import ClipSource
from pvdm.evaluation.features.detectors import Detector
from pvdm.evaluation.features.extraction import extract, extract_once
from pvdm.evaluation.features.thumbnails import Thumbnails
from pvdm.evaluation.metrics.score import Halves, halves
from pvdm.evaluation.protocol import Protocol
from pvdm.runtime.processes import ALONE, Processes
from pvdm.runtime.progress_callback import NamedProgress


@dataclass(frozen=True)
class MetricSetup:
    """A protocol, the seed of one repetition, and the networks and resources to measure it.

    Args:
        detector: The protocol's feature network, if it has one.
        lpips: LPIPS of frames, or a sentence that says why it is not available.
        st_rred: Whether to compute ST-RRED of reconstructions, which is slow.
        held_out: Real clips that the model was not trained on, for `nearest`.
        batch_size: Clips in memory at once.
        processes: Share the clips; each clip is measured once, and all processes get the result.
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
    progress: NamedProgress | None = None

    def features(self, source: ClipSource, label: str = "generated clips") -> np.ndarray:
        """The detector's features of all clips, (n, d) float64."""
        return self.rows(source, self.detector, label)

    def real_features(
        self, source: ClipSource, label: str = "real clips", *, detector: Detector | Thumbnails | None = None
    ) -> np.ndarray:
        """The same, kept on disk for the next measurement; `detector` replaces the protocol's."""
        options = {"batch_size": self.batch_size, "processes": self.processes, "progress": self.progress_of(label)}
        return extract_once(source, detector or self.detector, **options)

    def real_halves(self, real: ClipSource, rows: np.ndarray, count: int) -> Halves:
        """Disjoint sets of real clips, for `floor_of`; rows (n, d): the features of `real`."""
        return halves(
            real, rows, count, features=lambda others: self.real_features(others, "other real clips"), seed=self.seed
        )

    def rows(self, source: ClipSource, measure: Callable[[Tensor], Tensor], label: str) -> np.ndarray:
        """`measure`, (b, 3, t, h, w) uint8 -> (b, d), of all clips: (n, d) float64."""
        progress = self.progress_of(label)
        return extract(source, measure, batch_size=self.batch_size, processes=self.processes, progress=progress)

    def progress_of(self, label: str) -> Callable[[int, int], None] | None:
        """The callback (clips done, clips in total) of one pass over clips."""
        if self.progress is None:
            return None
        repetition = f", seed {self.seed}" if len(self.protocol.seeds) > 1 else ""
        title = f"{self.protocol.title}: {label}{repetition}"
        return lambda done, total: self.progress(title, done, total)


def column_means(names: list[str], rows: np.ndarray) -> dict[str, float]:
    """The mean of each column of rows (n, len(names)), by name."""
    return dict(zip(names, rows.mean(0).tolist(), strict=True))
