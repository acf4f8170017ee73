"""Extraction of features: one row per clip, independent of order and of the number of processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice

import numpy as np
import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat

from pvdm.errors import InputError
from pvdm.evaluation.clips.source import Clip, ClipSource
from pvdm.evaluation.features.cache import stored
from pvdm.evaluation.features.detectors import Detector
from pvdm.evaluation.features.thumbnails import Thumbnails
from pvdm.evaluation.results import versions
from pvdm.runtime.processes import ALONE, Processes, gathered_rows
from pvdm.runtime.progress_callback import Progress
from pvdm.video import check_pixels

PACKAGES = ("torch", "pillow", "av")
"""Packages that read and scale frames and compute features; their versions are part of the cache key."""


class FeatureTable(Metric):
    """Feature rows by clip number, from all processes; float64, on the CPU.

    The result does not depend on the order and size of the updates or on the number of processes.
    """

    full_state_update = False

    def __init__(self) -> None:
        super().__init__(dist_sync_fn=gathered_rows)
        for name in ("indices", "rows"):
            self.add_state(name, [], dist_reduce_fx="cat")

    def update(self, indices: Sequence[int] | Tensor, features: Tensor) -> None:
        """Adds the features (b, d), on any device, of the clips with these b numbers; InputError if b differs."""
        numbers = torch.as_tensor(indices, dtype=torch.long).cpu()
        if features.ndim != 2 or len(features) != len(numbers):
            raise InputError(
                f"features of shape {tuple(features.shape)} for {len(numbers)} clips",
                "give one row per clip",
            )
        self.indices.append(numbers)
        self.rows.append(features.detach().cpu().double())

    def compute(self) -> np.ndarray:
        """(n, d) float64, sorted by clip number; InputError if there are no clips, or if one was added twice."""
        if not sum(map(len, self.rows)):
            raise InputError("there are no features", "give at least one clip")
        numbers, order = dim_zero_cat(self.indices).sort()
        twice = numbers[1:][numbers[1:] == numbers[:-1]]
        if len(twice):
            raise InputError(f"the features of clip {int(twice[0])} were added twice", "measure each clip once")
        return dim_zero_cat(self.rows)[order].numpy()


def extract(
    source: ClipSource,
    detector: Callable[[Tensor], Tensor],
    *,
    batch_size: int,
    indices: Sequence[int] | None = None,
    processes: Processes = ALONE,
    progress: Progress | None = None,
) -> np.ndarray:
    """Features (n, d) float64 of the clips with these numbers (None: of all), sorted by number, in all processes.

    One batch of clips is in memory at a time. Batches are formed before they are divided among processes, so features
    are equal to the bit for any order of `indices` and any number of processes; another batch size changes rounding.
    detector: a `Detector`, or another function from clips (b, 3, t, h, w) uint8 to rows (b, d). progress: called with
    the clips done and all clips of this process. InputError if clips differ in size or length, if the source ends too
    early, or if a row is not finite.
    """
    numbers = _share(_ordered(source, indices), batch_size, processes)
    table, shape, clips = FeatureTable(), CommonShape(), source.read(numbers, batch_size=batch_size)
    for start in range(0, len(numbers), batch_size):
        batch = numbers[start : start + batch_size]
        rows = detector(_next_clips(clips, batch, shape))
        _check_finite(rows, [source.name(number) for number in batch])
        table.update(batch, rows)
        if progress is not None:
            progress(start + len(batch), len(numbers))
    if not numbers:  # a metric that was never updated warns
        table.update([], torch.empty(0, 0))
    shape.check_all(processes)
    return table.compute()


def extract_once(
    source: ClipSource,
    detector: Detector | Thumbnails,
    *,
    batch_size: int,
    processes: Processes = ALONE,
    progress: Progress | None = None,
) -> np.ndarray:
    """`extract` for all clips, cached on disk by clips, detector, batch size, device and package versions.

    All processes must call it.
    """
    record = detector.describe()
    key = {
        "clips": source.key(),
        "detector": {name: record[name] for name in ("name", "sha256")},
        "batch_size": batch_size,
        "device": detector.device.type,
        "versions": versions(PACKAGES),
    }
    options = {"batch_size": batch_size, "processes": processes, "progress": progress}
    return stored(key, lambda: extract(source, detector, **options), processes=processes)


class CommonShape:
    """The frames, height and width that all clips of a measurement must share."""

    def __init__(self) -> None:
        self.first: tuple[str, tuple[int, ...]] | None = None

    def check(self, clip: Clip) -> None:
        """InputError if the clip differs from the first one, or is not (3, t, h, w) uint8."""
        check_pixels(clip.video, "3 t h w", what=clip.name)
        self._compare((clip.name, tuple(clip.video.shape[1:])))

    def check_all(self, processes: Processes) -> None:
        """InputError if the clips of other processes differ from ours; all processes must call it."""
        for other in processes.gather(self.first):
            if other is not None:
                self._compare(other)

    def _compare(self, other: tuple[str, tuple[int, ...]]) -> None:
        self.first = self.first or other
        if other[1] != self.first[1]:
            raise InputError(
                f"{_shape_of(*self.first)} and {_shape_of(*other)}",
                "a measurement needs clips of one size and length, so scale or cut them first, or give a size",
            )


def _shape_of(name: str, shape: tuple[int, ...]) -> str:
    frames, height, width = shape
    return f"{name} has {frames} frames of {height}x{width}"


def _ordered(source: ClipSource, indices: Sequence[int] | None) -> list[int]:
    """The numbers in ascending order; InputError for one that the source does not have, or that comes twice."""
    numbers = sorted(range(len(source)) if indices is None else indices)
    if not numbers:
        raise InputError("there are no clips to measure", "give at least one")
    if numbers[0] < 0 or numbers[-1] >= len(source):
        wrong = numbers[0] if numbers[0] < 0 else numbers[-1]
        raise InputError(
            f"clip {wrong} does not exist, the source has {len(source)}", f"give numbers from 0 to {len(source) - 1}"
        )
    if len(set(numbers)) < len(numbers):
        raise InputError("a clip number is given twice", "give each number once")
    return numbers


def _share(numbers: list[int], batch_size: int, processes: Processes) -> list[int]:
    """The numbers for this process: whole batches, so that a clip is always computed with the same others."""
    if batch_size < 1:
        raise InputError(f"batch_size is {batch_size}", "give at least 1")
    batches = [numbers[start : start + batch_size] for start in range(0, len(numbers), batch_size)]
    return [number for batch in processes.share(batches) for number in batch]


def _check_finite(rows: Tensor, names: Sequence[str]) -> None:
    """InputError that names the first clip with a NaN or infinite value, which would spoil every score."""
    is_bad = ~rows.detach().isfinite().flatten(1).all(1).cpu()
    if is_bad.any():
        name = names[int(is_bad.nonzero()[0])]
        raise InputError(
            f"the features of {name} are not finite (NaN or infinity)",
            "check this clip, or leave it out",
        )


def _next_clips(clips: Iterator[Clip], numbers: Sequence[int], shape: CommonShape) -> Tensor:
    """The next clips of a source, (b, 3, t, h, w) uint8; InputError if they do not have these numbers."""
    taken = list(islice(clips, len(numbers)))
    for number, clip in zip(numbers, taken, strict=False):
        if clip.index != number:
            raise InputError(
                f"the source returned clip {clip.index} ({clip.name}) instead of clip {number}",
                "return each clip once, in the order of the numbers",
            )
        shape.check(clip)
    if len(taken) < len(numbers):
        raise InputError(
            f"the source ends before clip {numbers[len(taken)]}",
            "check for missing files",
        )
    return torch.stack([clip.video for clip in taken])
