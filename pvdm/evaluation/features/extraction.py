"""Features of clips: a row for each, whatever the batches and however many processes share the work."""

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
from pvdm.video import check_pixels

Progress = Callable[[int, int], None]
PACKAGES = ("torch", "pillow", "av")
"""Those by which frames are read and scaled, and features computed."""


class FeatureTable(Metric):
    """Rows of features by the numbers of their clips, of all processes; kept in float64 on the CPU.

    The table is the same for any order and batches of the updates and any number of processes.
    """

    full_state_update = False

    def __init__(self) -> None:
        super().__init__(dist_sync_fn=gathered_rows)
        for name in ("indices", "rows"):
            self.add_state(name, [], dist_reduce_fx="cat")

    def update(self, indices: Sequence[int] | Tensor, features: Tensor) -> None:
        """Numbers of b clips and their features (b, d) on any device; InputError if they are not as many."""
        numbers = torch.as_tensor(indices, dtype=torch.long).cpu()
        if features.ndim != 2 or len(features) != len(numbers):
            raise InputError(
                f"features of shape {tuple(features.shape)} for {len(numbers)} clips",
                "give a row for each",
            )
        self.indices.append(numbers)
        self.rows.append(features.detach().cpu().double())

    def compute(self) -> np.ndarray:
        """(n, d) float64, by the number of the clip; InputError if there is none, or if one is there twice."""
        if not sum(map(len, self.rows)):
            raise InputError("there are no features", "give at least one clip")
        numbers, order = dim_zero_cat(self.indices).sort()
        twice = numbers[1:][numbers[1:] == numbers[:-1]]
        if len(twice):
            raise InputError(f"the features of clip {int(twice[0])} are there twice", "measure each clip once")
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
    """Features (n, d) float64 of the clips of these numbers (None: of all), by number, in all processes.

    Only a batch of clips is in memory at once. The same batches are formed for any order of `indices` and any number
    of processes, which take turns with them, so that the features are equal to the bit; another batch size changes
    their rounding. detector: a `Detector`, or what else makes rows (b, d) of clips (b, 3, t, h, w) uint8.
    progress: called with the clips done and all clips of this process.
    InputError if clips differ in size or length, if the source ends too early, or if a row is not finite.
    """
    numbers = _share(_ordered(source, indices), batch_size, processes)
    table, looks, clips = FeatureTable(), Looks(), source.read(numbers, batch_size=batch_size)
    for start in range(0, len(numbers), batch_size):
        wanted = numbers[start : start + batch_size]
        rows = detector(_batch(clips, wanted, looks))
        _check_finite(rows, [source.name(number) for number in wanted])
        table.update(wanted, rows)
        if progress is not None:
            progress(start + len(wanted), len(numbers))
    if not numbers:  # a table that nothing was put into warns
        table.update([], torch.empty(0, 0))
    looks.check_all(processes)
    return table.compute()


def extract_once(
    source: ClipSource,
    detector: Detector | Thumbnails,
    *,
    batch_size: int,
    processes: Processes = ALONE,
    progress: Progress | None = None,
) -> np.ndarray:
    """`extract` of all clips, which is kept for as long as clips, detector, batches, device and packages are the same.

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


class Looks:
    """What all clips of a measurement have in common: their frames, height and width."""

    def __init__(self) -> None:
        self.first: tuple[str, tuple[int, ...]] | None = None

    def check(self, clip: Clip) -> None:
        """InputError if it is unlike the first, or no clip at all."""
        check_pixels(clip.video, "3 t h w", what=clip.name)
        self._compare((clip.name, tuple(clip.video.shape[1:])))

    def check_all(self, processes: Processes) -> None:
        """InputError if the clips of other processes are unlike ours; all processes must call it."""
        for other in processes.gather(self.first):
            if other is not None:
                self._compare(other)

    def _compare(self, other: tuple[str, tuple[int, ...]]) -> None:
        self.first = self.first or other
        if other[1] != self.first[1]:
            raise InputError(
                f"{_look(*self.first)} and {_look(*other)}",
                "a measurement takes clips of one size and length, so scale or cut them first, or give a size",
            )


def _look(name: str, shape: tuple[int, ...]) -> str:
    frames, height, width = shape
    return f"{name} has {frames} frames of {height}x{width}"


def _ordered(source: ClipSource, indices: Sequence[int] | None) -> list[int]:
    """The numbers in rising order; InputError for one that the source has not, or twice."""
    numbers = sorted(range(len(source)) if indices is None else indices)
    if not numbers:
        raise InputError("there are no clips to measure", "give at least one")
    if numbers[0] < 0 or numbers[-1] >= len(source):
        wrong = numbers[0] if numbers[0] < 0 else numbers[-1]
        raise InputError(f"clip {wrong} is asked for and there are {len(source)}", "give numbers from 0 on")
    if len(set(numbers)) < len(numbers):
        raise InputError("a clip is asked for twice", "give each number once")
    return numbers


def _share(numbers: list[int], batch_size: int, processes: Processes) -> list[int]:
    """This process's numbers: whole batches, so that each clip has the same company whoever measures it."""
    if batch_size < 1:
        raise InputError(f"batch_size is {batch_size}", "give at least 1")
    batches = [numbers[start : start + batch_size] for start in range(0, len(numbers), batch_size)]
    return [number for batch in processes.share(batches) for number in batch]


def _check_finite(rows: Tensor, names: Sequence[str]) -> None:
    """InputError that names the first clip of which a number is NaN or infinite: it would spoil every figure."""
    is_bad = ~rows.detach().isfinite().flatten(1).all(1).cpu()
    if is_bad.any():
        name = names[int(is_bad.nonzero()[0])]
        raise InputError(
            f"what was measured of {name} is not finite (NaN or infinity)",
            "look at this clip, or leave it out",
        )


def _batch(clips: Iterator[Clip], wanted: Sequence[int], looks: Looks) -> Tensor:
    """The next clips of a source as (b, 3, t, h, w) uint8, which must be those that are wanted."""
    taken = list(islice(clips, len(wanted)))
    for number, clip in zip(wanted, taken, strict=False):
        if clip.index != number:
            raise InputError(
                f"the source gives clip {clip.index} ({clip.name}) for clip {number}",
                "each is wanted once",
            )
        looks.check(clip)
    if len(taken) < len(wanted):
        raise InputError(
            f"the source ends before clip {wanted[len(taken)]}, which it is to have",
            "look for lost files",
        )
    return torch.stack([clip.video for clip in taken])
