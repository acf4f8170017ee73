"""Diversity and memorization: the nearest training clip to each sample in feature space."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from scipy.spatial.distance import cdist
from torch import Tensor

from pvdm.errors import InputError
from pvdm.evaluation.clips.source import ClipSource
from pvdm.evaluation.features.thumbnails import WIDTH, Thumbnails, mirrored
from pvdm.evaluation.metrics.pairs_picture import Pair
from pvdm.evaluation.metrics.setup import MetricSetup
from pvdm.evaluation.results import Outcome, Score

TRAINING, HELD_OUT = "training clips", "held-out clips"
LISTED = 16
"""Pairs of the smallest distance that a result lists."""


FALSE_ALARMS = 0.01
"""Share of new real clips that may be called copies, where there are enough held-out clips to find such a limit."""
FEWEST_HELD_OUT = 9
"""With fewer, more than one new real clip in ten would be called a copy."""
SAME = 0.01
"""Thumbnails nearer to each other than this, a thousandth of what unlike ones are apart, differ by rounding."""
BLOCK = 1 << 22
"""Distances held at once: 32 MiB."""


def measure(real: ClipSource, fake: ClipSource, setting: MetricSetup) -> Outcome:
    """`diversity`, `copied_share`, `nearest_distance` and, where there are such clips, `nearer_than_held_out`.

    The real clips are those that were trained on. Of held-out clips the distance is told as that of real ones, and the
    share of copies (see `find_copies`) is the one that is expected of new clips. `pairs` are the nearest.
    """
    training = setting.real_features(real, TRAINING)
    rows = setting.rows(fake, lambda video: _features_and_thumbnails(video, setting), "generated clips")
    held = None if setting.held_out is None else setting.real_features(setting.held_out, HELD_OUT)
    found = rows[:, :-WIDTH]
    index, distance = nearest(found, training)
    usual = None if held is None else float(nearest(held, training)[1].mean())
    figures = {
        "diversity": Score(diversity(found, training), "like real", real=1.0),
        "copied_share": _copied(real, rows[:, -WIDTH:], setting),
        "nearest_distance": Score(float(distance.mean()), "like real", real=usual),
    }
    if held is not None:
        figures["nearer_than_held_out"] = Score(nearer_than_held_out(found, held, training), "like real", real=0.5)
    return Outcome(figures, {"pairs": listed(real, fake, index, distance)})


def _features_and_thumbnails(video: Tensor, setting: MetricSetup) -> Tensor:
    """(b, d + 768): both of clips that are sampled once."""
    return torch.cat([rows.cpu().double() for rows in (setting.detector(video), Thumbnails()(video))], dim=1)


def _copied(real: ClipSource, found: np.ndarray, setting: MetricSetup) -> Score:
    """The share of copies by thumbnails; without a value, and with the reason, where too few clips are held out."""
    held = setting.held_out
    if held is None or len(held) < FEWEST_HELD_OUT:
        return Score(None, "lower", missing=too_few(0 if held is None else len(held)))
    sides = {TRAINING: real, HELD_OUT: held}
    training, new = (
        setting.real_features(side, f"thumbnails of {what}", detector=Thumbnails()) for what, side in sides.items()
    )
    try:
        copies = find_copies(found, training, new)
    except InputError as error:
        return Score(None, "lower", missing=str(error))
    return Score(copies.share, "lower", real=copies.expected, note=copies.note)


def listed(real: ClipSource, fake: ClipSource, index: np.ndarray, distance: np.ndarray) -> list[dict]:
    """The nearest pairs first: names, numbers in their sources, and distance."""
    pairs = [(n, int(index[n]), float(distance[n])) for n in np.argsort(distance, kind="stable")[:LISTED].tolist()]
    return [
        {
            "sample": fake.name(sample),
            "training": real.name(training),
            "distance": found,
            "sample_index": sample,
            "training_index": training,
        }
        for sample, training, found in pairs
    ]


def pairs(real: ClipSource, fake: ClipSource, found: list[dict]) -> list[Pair]:
    """The clips of listed pairs, for `pairs_picture`."""
    samples = fake.read([pair["sample_index"] for pair in found])
    training = real.read([pair["training_index"] for pair in found])
    triples = zip(samples, training, found, strict=True)
    return [Pair(a.video, b.video, a.name, b.name, pair["distance"]) for a, b, pair in triples]


def nearest(features: np.ndarray, reference: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The row of reference (m, d) nearest to each of features (n, d): its number (n,) and distance (n,), float64.

    Euclidean and exact, not by products, which lose the small distances that matter here; the first of equal ones.
    """
    _check(features, reference)
    index, distance = np.empty(len(features), dtype=np.int64), np.empty(len(features))
    for rows, distances in _distances(features, reference):
        index[rows] = distances.argmin(1)
        distance[rows] = distances.min(1)
    return index, distance


def mean_pairwise_distance(features: np.ndarray) -> float:
    """The mean Euclidean distance of two different rows of features (n, d)."""
    _check(features, features)
    if len(features) < 2:
        raise InputError("diversity found one clip", "give at least two")
    centred = np.asarray(features, dtype=np.float64) - features.mean(0, dtype=np.float64)
    squares = np.square(centred).sum(1)
    total = 0.0
    for rows in _blocks(len(features), len(features)):
        # By products, many times faster: what they lose of the small distances is nothing to the mean.
        squared = squares[rows, None] + squares - 2 * centred[rows] @ centred.T
        squared[np.arange(len(squared)), np.arange(len(features))[rows]] = 0
        total += np.sqrt(squared.clip(min=0)).sum()
    return float(total / (len(features) * (len(features) - 1)))


def diversity(features: np.ndarray, reference: np.ndarray) -> float:
    """Mean pairwise distance of samples (n, d) relative to that of real clips (m, d); 1 is as diverse, 0 one video.

    NaN if all real clips are the same.
    """
    real = mean_pairwise_distance(reference)
    return mean_pairwise_distance(features) / real if real else float("nan")


def nearer_than_held_out(features: np.ndarray, held_out: np.ndarray, reference: np.ndarray) -> float:
    """The chance that a sample (n, d) is nearer to the training clips (m, d) than a held-out real clip (k, d) is.

    The statistic of Meehan et al. 2020 (arXiv 2004.05675), section 3.2, over all of the space, by their Mann-Whitney
    test: 1/2 if samples are like new real clips, 1 if all are copies, 0 if all are far from any; equal ones count half.
    """
    samples, held = nearest(features, reference)[1], np.sort(nearest(held_out, reference)[1])
    farther = len(held) - np.searchsorted(held, samples, side="right")
    farther_or_equal = len(held) - np.searchsorted(held, samples, side="left")
    return float((farther + farther_or_equal).mean() / (2 * len(held)))


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


def _distances(features: np.ndarray, reference: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """Distances (rows, m) of some rows of features at a time."""
    for rows in _blocks(len(features), len(reference)):
        yield rows, cdist(features[rows], reference)


def _blocks(rows: int, columns: int) -> Iterator[slice]:
    """So many rows at a time that memory does not grow with their number."""
    step = max(1, BLOCK // columns)
    return (slice(start, min(start + step, rows)) for start in range(0, rows, step))


def _check(features: np.ndarray, reference: np.ndarray) -> None:
    """InputError unless both are tables of finite numbers, not empty, of one width."""
    if features.ndim != 2 or reference.ndim != 2 or features.shape[1] != reference.shape[1]:
        raise InputError(
            f"features are {features.shape} and {reference.shape}",
            "give (n, d) and (m, d) of one detector",
        )
    if not len(features) or not len(reference):
        raise InputError(f"there are {len(features)} clips and {len(reference)} training clips", "give some of both")
    if not (np.isfinite(features).all() and np.isfinite(reference).all()):
        raise InputError("some features are not finite", "look for clips that the detector cannot judge")
