"""Whether samples are copies of training clips, by a distance that few new real clips come below."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from pvdm.errors import InputError
from pvdm.evaluation.nearest import nearest
from pvdm.video import to_float

FALSE_ALARMS = 0.01
"""Share of new real clips that may be called copies, where there are enough held-out clips to find such a limit."""
FEWEST_HELD_OUT = 9
"""With fewer, more than one new real clip in ten would be called a copy."""
FRAMES, FINE, SMOOTHING, SIDE = 4, 32, 5, 8
"""Of a thumbnail: its frames, the grid on which it is smoothed over so many cells, and its height and width."""
WIDTH = 3 * FRAMES * SIDE**2
SAME = 0.01
"""Thumbnails nearer to each other than this, a thousandth of what unlike ones are apart, differ by rounding."""


class Thumbnails:
    """Clips (b, 3, t, h, w) uint8 -> rows (b, 768) float32: small smooth pictures, of one brightness and contrast.

    What is near in them looks alike, whatever compression, blur, noise, brightness and a shift of a few pixels have
    made of it. A kind of detector, see `pvdm.evaluation.detectors`, without weights.
    """

    name, device = "thumbnails", torch.device("cpu")

    def __call__(self, video: Tensor) -> Tensor:
        fine = F.adaptive_avg_pool3d(to_float(video.to(self.device)), (FRAMES, FINE, FINE))
        edge = SMOOTHING // 2
        padded = F.pad(fine, (edge, edge, edge, edge, 0, 0), mode="reflect")
        smooth = F.avg_pool3d(padded, (1, SMOOTHING, SMOOTHING), stride=1)
        small = F.adaptive_avg_pool3d(smooth, (FRAMES, SIDE, SIDE))
        centred = small - small.mean((2, 3, 4), keepdim=True)
        return (centred / (centred.std((1, 2, 3, 4), keepdim=True) + 1e-3)).flatten(1)

    def describe(self) -> dict[str, Any]:
        """As a detector does it."""
        sizes = f"{FRAMES} frames of {SIDE}x{SIDE}, smoothed over {SMOOTHING} of {FINE} cells"
        return {"name": self.name, "sha256": sizes}


@dataclass(frozen=True)
class Copies:
    """The share of copies among samples.

    share: of the samples; expected: the share of new real clips that the same limit calls copies; held_out: the clips
    that set the limit; leaked: held-out clips that lie in the training data too, and had no part in it.
    """

    share: float
    expected: float
    held_out: int
    leaked: int = 0

    @property
    def note(self) -> str | None:
        """What to know of the limit; None where it is the wanted one."""
        leaked = f"{self.leaked} of the held-out clips are training clips, and have no part in it"
        rough = (
            f"by the limit that {self.held_out} held-out clips set, {self.expected:.1%} of new real clips would count "
            f"as copies; {round(1 / FALSE_ALARMS) - 1} of them would set one of {FALSE_ALARMS:.0%}"
        )
        said = [rough] * (self.expected > FALSE_ALARMS) + [leaked] * bool(self.leaked)
        return "; ".join(said) or None


def find_copies(found: np.ndarray, training: np.ndarray, held_out: np.ndarray) -> Copies:
    """The share of samples (n, 768) that are nearer to training clips (m, 768) than new real clips are, by thumbnails.

    A copy is nearer to a training clip, or to what that is in a mirror, than the k-th nearest of the held-out real
    clips (h, 768). A new real clip takes each rank among them with the same chance, and so is called a copy with a
    chance of k / (h + 1): k is the largest with which that is at most `FALSE_ALARMS`, and 1 where they are fewer than
    99. InputError if there are fewer than 9 held-out clips.
    """
    views = np.concatenate([training, mirrored(training)])
    distances = nearest(held_out, views)[1]
    new = np.sort(distances[distances > SAME])
    if len(new) < FEWEST_HELD_OUT:
        raise InputError(too_few(len(new)))
    rank = max(int(FALSE_ALARMS * (len(new) + 1)), 1)
    share = float(np.mean(nearest(found, views)[1] < new[rank - 1]))
    return Copies(share, rank / (len(new) + 1), len(new), len(distances) - len(new))


def too_few(held_out: int) -> str:
    """Why nothing is called a copy where so few clips are held out."""
    return (
        f"the limit of a copy is set by real clips that were not trained on, of which there are {held_out}; give "
        f"data whose test part has {FEWEST_HELD_OUT} or more, or such clips to pvdm evaluate as --held-out"
    )


def mirrored(thumbnails: np.ndarray) -> np.ndarray:
    """Thumbnails (n, 768) of the clips with left and right exchanged."""
    return thumbnails.reshape(len(thumbnails), 3, FRAMES, SIDE, SIDE)[..., ::-1].reshape(len(thumbnails), -1)
