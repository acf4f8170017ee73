"""Appearance and motion: kernel distances of clips in what a network of pictures sees, in units that explain them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from pvdm.errors import InputError
from pvdm.evaluation.clips.source import Clip, ClipSource
from pvdm.evaluation.features.frame_features import PARTS
from pvdm.evaluation.metrics.metric_setup import MetricSetup
from pvdm.evaluation.metrics.score import DRAWS, Floor, Score, Scores

NAMES = ("appearance", "change", "order")
SHUFFLED = 1.5
"""The order distance of real clips whose frames are shuffled, see `AppearanceMotion`; the other parts' units are 1."""

SHRINKAGE, LEAST_ENERGY = 0.3, 0.05
"""Of the turn towards that of real clips, in units of a feature's mean energy, and of the mean energy of all."""

NOISE_CLIPS = 64
RESAMPLINGS = 500
INTERVAL = (2.5, 97.5)
"""Percentiles."""

Rows = np.ndarray
"""(n, 7 d) float64, see `pvdm.evaluation.features.frame_features`."""


def measure(real: ClipSource, fake: ClipSource, setup: MetricSetup) -> Scores:
    """`appearance_motion` and its parts, each with its interval, its floor, and the value of frozen real clips."""
    real_rows = setup.real_features(real)
    noise = NoiseClips(next(iter(real.read([0]))).video.shape[1:])
    space = AppearanceMotion(real_rows, groups_of(real), setup.real_features(noise, "noise"))
    distances = space.distances(setup.features(fake), groups_of(fake), seed=setup.seed)
    floors, frozen = space.floors(seed=setup.seed), space.frozen()
    sizes = (space.clips - space.clips // 2, space.clips // 2)
    scores = {
        name: Score(
            distances.values[name],
            "lower",
            floor=None if floors is None else Floor(floors[name], sizes),
            interval=distances.interval(name),
            frozen=frozen[name],
        )
        for name in ("appearance_motion", *NAMES)
    }
    return Scores(scores, {"shuffled_real": space.shuffled(), "noise": space.noise()})


def groups_of(source: ClipSource) -> np.ndarray:
    """(n,) int64: the video of each clip."""
    return np.array([source.group(index) for index in range(len(source))])


@dataclass(frozen=True)
class Distances:
    """Values by name, and those of `RESAMPLINGS` bootstrap samples, (r,) each, NaN for samples of a single video.

    The samples of real videos are the same for any two sets that are compared with the same real clips and seed, so
    that ratios of `draws` are paired.
    """

    values: Mapping[str, float]
    draws: Mapping[str, np.ndarray]

    def interval(self, name: str) -> tuple[float, float]:
        """The 95 % interval of a value."""
        low, high = np.nanpercentile(self.draws[name], INTERVAL)
        return float(low), float(high)


class AppearanceMotion:
    """The space that real clips span, in which sets of clips are compared with them.

    A clip is three vectors: the mean of its frames' features (appearance), the mean absolute change from frame to frame
    (change), and whether changes go on or turn back, shrunk towards real clips where there is no change (order). Each
    is standardized by real clips; a feature that hardly varies does not count. Each part is the unbiased estimate of
    squared MMD (Binkowski et al. 2018) with their kernel, without pairs of clips of the same video, divided by its
    unit: for appearance the distance of noise, for change that of real clips whose middle frame is held, and for order
    2/3 of that of real clips whose frames are shuffled. `appearance_motion` is the sum: 0 for real clips, about 1 for
    frozen ones, above 1.5 for shuffled ones, and more for noise.

    Args:
        real: Rows of real clips.
        groups: (n,) the video of each.
        noise: Rows of clips of noise.

    InputError if the real clips do not differ from one of these.
    """

    def __init__(self, real: Rows, groups: np.ndarray, noise: Rows) -> None:
        self._real, self._groups, self._noise = real, groups, noise
        parts = _parts_of(real)
        energy, turn = parts["energy"].mean(0), parts["turn"].mean(0)
        self._shrinkage = SHRINKAGE * (energy + LEAST_ENERGY * energy.mean()) + np.finfo(float).tiny
        self._usual_turn = turn / np.maximum(energy, np.finfo(float).tiny)
        vectors = self._vectors(parts)
        self._scale = {name: _scale(values) for name, values in vectors.items()}
        self._points = self._standardized(vectors)
        self._units = self._found_units()

    @property
    def clips(self) -> int:
        """The number of real clips."""
        return len(self._real)

    def distances(self, rows: Rows, groups: np.ndarray, *, seed: int = 0) -> Distances:
        """The distances of other clips from the real ones, with bootstrap samples of the videos of both sides."""
        points = self._standardized(self._vectors(_parts_of(rows)))
        random = np.random.default_rng([seed, 0]), np.random.default_rng([seed, 1])
        weights = [
            _resampled(videos, generator) for videos, generator in zip((self._groups, groups), random, strict=True)
        ]
        draws = {}
        for name in NAMES:
            kernels = _kernels(self._points[name], points[name], self._groups, groups)
            draws[name] = kernels.distances(*weights) / self._units[name]
        draws["appearance_motion"] = sum(draws[name] for name in NAMES)
        # The first weights are all one: the value itself.
        return Distances(
            {name: float(found[0]) for name, found in draws.items()}, {name: found[1:] for name, found in draws.items()}
        )

    def floors(self, *, seed: int = 0) -> dict[str, float] | None:
        """The mean distances between halves of the real videos, in several divisions; None for fewer than 4 videos."""
        videos = np.unique(self._groups)
        if len(videos) < 4:
            return None
        divisions = [np.random.default_rng([seed, 2, draw]).permutation(videos) for draw in range(DRAWS)]
        found = [self._between_halves(order[: len(order) // 2]) for order in divisions]
        return _with_sum({name: float(np.mean([one[name] for one in found])) for name in NAMES})

    def frozen(self) -> dict[str, float]:
        """The distances of the real clips with their middle frames held."""
        return self._of_same_videos(_as_frozen(self._real))

    def shuffled(self) -> dict[str, float]:
        """The order distance of the real clips with their frames in another order."""
        return {"order": self._of_same_videos(_as_shuffled(self._real))["order"]}

    def noise(self) -> dict[str, float]:
        """The distances of clips of noise."""
        return dict(self.distances(self._noise, np.arange(len(self._noise))).values)

    def _of_same_videos(self, rows: Rows) -> dict[str, float]:
        points = self._standardized(self._vectors(_parts_of(rows)))
        return _with_sum({name: self._distance(name, points, self._groups) / self._units[name] for name in NAMES})

    def _between_halves(self, first: np.ndarray) -> dict[str, float]:
        chosen = np.isin(self._groups, first)
        return {
            name: _kernels(points[chosen], points[~chosen], self._groups[chosen], self._groups[~chosen]).distance
            / self._units[name]
            for name, points in self._points.items()
        }

    def _found_units(self) -> dict[str, float]:
        """The distances that count as 1."""
        noise = self._standardized(self._vectors(_parts_of(self._noise)))
        frozen, shuffled = (
            self._standardized(self._vectors(_parts_of(rows)))
            for rows in (_as_frozen(self._real), _as_shuffled(self._real))
        )
        units = {
            "appearance": self._distance("appearance", noise, None),
            "change": self._distance("change", frozen, self._groups),
            "order": self._distance("order", shuffled, self._groups) / SHUFFLED,
        }
        for name, worse in zip(NAMES, ("noise", "stills", "clips whose frames are shuffled"), strict=True):
            if not units[name] > 0:
                raise InputError(
                    f"the {len(self._real)} real clips do not differ from {worse}", "give more videos, which move"
                )
        return units

    def _distance(self, name: str, points: Mapping[str, np.ndarray], groups: np.ndarray | None) -> float:
        """Without its unit; groups: None if no clip is of a real video."""
        own = np.arange(len(points[name])) if groups is None else groups
        return _kernels(self._points[name], points[name], self._groups, own, shared=groups is not None).distance

    def _vectors(self, parts: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """(n, d) by the names of the parts."""
        turn = parts["turn"] + self._usual_turn * self._shrinkage
        return {
            "appearance": parts["mean"],
            "change": parts["change"],
            "order": turn / (parts["energy"] + self._shrinkage),
        }

    def _standardized(self, vectors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {name: (values - self._scale[name][0]) / self._scale[name][1] for name, values in vectors.items()}


class NoiseClips(ClipSource):
    """Clips of independent uniform pixels, the unit of the appearance.

    shape: (t, h, w).
    """

    def __init__(self, shape: Sequence[int], num: int = NOISE_CLIPS) -> None:
        self.shape, self.num = tuple(shape), num

    def __len__(self) -> int:
        return self.num

    def read(self, indices: Sequence[int], *, batch_size: int = 1) -> Iterator[Clip]:
        for index in indices:
            pixels = np.random.default_rng([index]).integers(0, 256, (3, *self.shape), dtype=np.uint8)
            yield Clip(index, torch.from_numpy(pixels), self.name(index))

    def describe(self) -> dict[str, Any]:
        return {"kind": "noise", "shape": list(self.shape), "clips": self.num}


@dataclass(frozen=True)
class _Kernels:
    """The kernel within both sets and between them, and the pairs that count, which are of different videos."""

    within: tuple[np.ndarray, np.ndarray]
    between: np.ndarray
    counted: tuple[np.ndarray, np.ndarray]
    counted_between: np.ndarray

    @property
    def distance(self) -> float:
        """Squared MMD."""
        return float(self.distances(*(np.ones((1, len(kernel))) for kernel in self.within))[0])

    def distances(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """(r,) squared MMD with weights of the clips, (r, n) and (r, m)."""
        pairs = zip((first, second), self.within, self.counted, strict=True)
        own = sum(_weighted(weights, kernel, counted, weights) for weights, kernel, counted in pairs)
        return own - 2 * _weighted(first, self.between, self.counted_between, second)


def _kernels(a: np.ndarray, b: np.ndarray, of_a: np.ndarray, of_b: np.ndarray, *, shared: bool = False) -> _Kernels:
    """shared: The videos of both sets are the same, by number."""
    between = of_a[:, None] != of_b[None] if shared else np.ones((len(a), len(b)), bool)
    return _Kernels(
        (_kernel(a, a), _kernel(b, b)), _kernel(a, b), tuple(of[:, None] != of[None] for of in (of_a, of_b)), between
    )


def _kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(x y / d + 1)^3, Binkowski et al. 2018, section 4."""
    base = a @ b.T / a.shape[1] + 1
    return base * base * base


def _weighted(first: np.ndarray, kernel: np.ndarray, counted: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(r,) the weighted mean of a kernel over the pairs that count; NaN where there is none."""
    counted = counted.astype(np.float64)
    total = ((first @ counted) * second).sum(1)
    with np.errstate(invalid="ignore"):
        return ((first @ (kernel * counted)) * second).sum(1) / total


def _resampled(groups: np.ndarray, seed: Sequence[int]) -> np.ndarray:
    """(1 + RESAMPLINGS, n) weights of the clips: all one, then how often their videos were drawn with replacement."""
    videos, of_clips = np.unique(groups, return_inverse=True)
    drawn = np.random.default_rng(seed).multinomial(len(videos), np.full(len(videos), 1 / len(videos)), RESAMPLINGS)
    return np.concatenate([np.ones((1, len(groups))), drawn[:, of_clips]])


def _parts_of(rows: Rows) -> dict[str, np.ndarray]:
    """The parts of rows, (n, d) each."""
    return dict(zip(PARTS, np.split(np.asarray(rows, dtype=np.float64), len(PARTS), axis=1), strict=True))


def _as_frozen(rows: Rows) -> Rows:
    """The rows of the same clips with their middle frame held."""
    parts = _parts_of(rows)
    still = np.zeros_like(parts["middle"])
    names = {"mean": "middle", "middle": "middle"}
    return np.concatenate([parts[names[name]] if name in names else still for name in PARTS], axis=1)


def _as_shuffled(rows: Rows) -> Rows:
    """Rows with turn and energy of the same frames in another order."""
    parts, names = _parts_of(rows), {"turn": "shuffled_turn", "energy": "shuffled_energy"}
    return np.concatenate([parts[names.get(name, name)] for name in PARTS], axis=1)


def _scale(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(d,) mean and standard deviation, to which the median over all features is added, so that none is near 0."""
    deviation = values.std(0)
    return values.mean(0), deviation + np.median(deviation) + np.finfo(float).tiny


def _with_sum(parts: dict[str, float]) -> dict[str, float]:
    return {"appearance_motion": sum(parts.values()), **parts}
