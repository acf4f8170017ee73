"""The order of samples in an epoch, a function of seed and epoch, divided among processes."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from pvdm.errors import InputError

BALANCED = 1 << 16  # separates the keys of these draws from those of samples
CHUNK = 1 << 12  # keys that exist as Python integers, which take some ten times the memory, at a time


class SampleKey(NamedTuple):
    """What a sample depends on besides the seed: the epoch, and its index in the dataset.

    If samples are not taken exactly once an epoch, `epoch` counts how often this one was taken before.
    """

    epoch: int
    index: int


class EpochSampler:
    """Yields the `SampleKey`s of process `rank` of `world_size`.

    Shuffled, all processes get equally many: the order is repeated from its start until it can be divided. In order,
    every sample occurs once, so the numbers may differ by one. `ValueError` if rank is not in [0, world_size).

    labels: (length,) class of each sample, for a shuffled order that takes equally many samples of every class that
    occurs, `length` together (to within one; which classes get one more changes with the epoch).
    weights: One for each class that occurs, in order: it takes samples in proportion to them instead, equally many in
    every epoch. `InputError` if a class would get none.
    """

    def __init__(
        self,
        length: int,
        *,
        seed: int,
        shuffle: bool,
        rank: int = 0,
        world_size: int = 1,
        labels: Sequence[int] | np.ndarray | None = None,
        weights: Sequence[float] | None = None,
    ) -> None:
        if not 0 <= rank < world_size:
            raise ValueError(f"rank is {rank} of {world_size} processes; want 0 <= rank < world_size")
        self.length = length
        self.seed = seed
        self.shuffle = shuffle
        self.rank = rank
        self.world_size = world_size
        self.epoch = 0
        self._classes = None if labels is None else _places(np.asarray(labels))
        self._shares = None if weights is None else apportioned(length, weights)

    def set_epoch(self, epoch: int) -> None:
        """The epoch that the next iteration is for."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[SampleKey]:
        own = self._order()[self.rank :: self.world_size]
        for first in range(0, len(own), CHUNK):
            yield from (SampleKey(*key) for key in own[first : first + CHUNK].tolist())

    def __len__(self) -> int:
        if self.shuffle:
            return -(-self.length // self.world_size)
        return len(range(self.rank, self.length, self.world_size))

    def _order(self) -> np.ndarray:
        """(n, 2) int64: epoch and index of all samples of the epoch, for all processes."""
        keys = np.stack([np.full(self.length, self.epoch), np.arange(self.length)], axis=1)
        if not self.shuffle:
            return keys
        if self._classes is not None:
            keys = np.concatenate([self._of_class(number) for number in range(len(self._classes))])
        order = self._generator(self.epoch).permutation(self.length)
        return keys[np.resize(order, len(self) * self.world_size)]

    def _of_class(self, number: int) -> np.ndarray:
        """(share, 2) int64: the samples of a class in an epoch, continuing where those of the last epoch ended.

        All samples of the class are taken, in shuffled order, before the next round begins. A sample's epoch is its
        round, so that a sample that is taken twice is augmented differently.
        """
        samples = self._classes[number]
        turns = np.arange(self._taken(number, self.epoch), self._taken(number, self.epoch + 1))
        rounds, places = np.divmod(turns, len(samples))
        indices = np.empty_like(turns)
        for current in np.unique(rounds).tolist():
            order = self._generator(current, number, BALANCED).permutation(samples)
            indices[rounds == current] = order[places[rounds == current]]
        return np.stack([rounds, indices], axis=1)

    def _taken(self, number: int, epoch: int) -> int:
        """How many samples of a class all epochs before this one take.

        Each epoch has `extra` samples beyond equal shares, which rotate through the classes from epoch to epoch.
        """
        if self._shares is not None:
            return epoch * int(self._shares[number])
        classes = len(self._classes)
        share, extra = divmod(self.length, classes)
        return epoch * share + (epoch * extra + classes - 1 - number) // classes

    def _generator(self, *key: int) -> np.random.Generator:
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=key))


def apportioned(total: int, weights: Sequence[float]) -> np.ndarray:
    """(n,) int64: `total` in proportion to weights, by the largest remainders; InputError if a share is 0."""
    exact = total * np.asarray(weights, dtype=np.float64) / sum(weights)
    shares = np.floor(exact).astype(np.int64)
    shares[np.argsort(shares - exact, kind="stable")[: total - shares.sum()]] += 1
    if not shares.all():
        weight = weights[int(np.argmin(shares))]
        raise InputError(f"the weight {weight:g} is too small for a sample in an epoch of {total}", "raise it")
    return shares


def _places(labels: np.ndarray) -> list[np.ndarray]:
    """The samples of each class that occurs."""
    return [np.flatnonzero(labels == label) for label in np.unique(labels)]
