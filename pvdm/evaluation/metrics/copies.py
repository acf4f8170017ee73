"""Copies: samples that are nearer to a training clip than new real clips are, by thumbnails."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pvdm.errors import InputError
from pvdm.evaluation.features.distances import nearest
from pvdm.evaluation.features.thumbnails import mirrored

FALSE_ALARMS = 0.01
"""Share of new real clips that the threshold may call copies, if there are enough held-out clips to find it."""
FEWEST_HELD_OUT = 9
"""With fewer held-out clips, more than one new real clip in ten would be called a copy."""
SAME = 0.01
"""Distance below which two thumbnails differ only by rounding; unrelated ones are a thousand times farther apart."""


@dataclass(frozen=True)
class Copies:
    """The share of copies among samples.

    Args:
        share: Share of the samples that are copies.
        expected: Share of new real clips that the same threshold calls copies.
        held_out: Held-out clips that set the threshold.
        leaked: Held-out clips that are also training clips, and were ignored.
    """

    share: float
    expected: float
    held_out: int
    leaked: int = 0

    @property
    def note(self) -> str | None:
        """What limits the threshold; None if nothing does."""
        leaked = f"{self.leaked} of the held-out clips are training clips and were ignored"
        rough = (
            f"{self.held_out} held-out clips give a threshold that calls {self.expected:.1%} of new real clips copies; "
            f"{round(1 / FALSE_ALARMS) - 1} of them would give one of {FALSE_ALARMS:.0%}"
        )
        notes = [rough] * (self.expected > FALSE_ALARMS) + [leaked] * bool(self.leaked)
        return "; ".join(notes) or None


def find_copies(samples: np.ndarray, training: np.ndarray, held_out: np.ndarray) -> Copies:
    """The share of samples (n, 768) that copy training clips (m, 768), judged by held-out clips (h, 768).

    All are thumbnails. A sample is a copy if it is nearer to a training clip, or to its mirror image, than the k-th
    nearest of the held-out clips is. A new real clip takes each rank among those with the same chance, so it is called
    a copy with probability k / (h + 1). k is the largest that keeps this at or below `FALSE_ALARMS`, or 1 if there are
    fewer than 99 held-out clips. InputError if there are fewer than 9.
    """
    views = np.concatenate([training, mirrored(training)])
    distances = nearest(held_out, views)[1]
    new = np.sort(distances[distances > SAME])
    if len(new) < FEWEST_HELD_OUT:
        raise too_few(len(new))
    rank = max(int(FALSE_ALARMS * (len(new) + 1)), 1)
    share = float(np.mean(nearest(samples, views)[1] < new[rank - 1]))
    return Copies(share, rank / (len(new) + 1), len(new), len(distances) - len(new))


def too_few(held_out: int) -> InputError:
    """The error for too few held-out clips."""
    return InputError(
        f"copies are found by {FEWEST_HELD_OUT} or more real clips outside the training data, but there are {held_out}",
        "give data whose test part has as many, or pass such clips to pvdm evaluate as --held-out",
    )
