"""The order of samples in an epoch, a function of seed and epoch, shared out among processes."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

BALANCED = 1 << 16  # sets the keys of these draws apart from those of samples
AT_ONCE = 1 << 12  # keys that are Python's own numbers, which take some ten times the memory


class SampleKey(NamedTuple):
    """All that a sample depends on besides the seed: the epoch, and its place in the dataset.

    Where samples are taken more or less than once an epoch, `epoch` counts how often this one was taken before.
    """

    epoch: int
    index: int


class EpochSampler:
    """Yields `SampleKey`s for the share of process `rank` of `world_size`.

    Shuffled, shares are equal: the order is repeated from its beginning until it can be divided. In order,
    every sample occurs once, so shares may differ by one. `ValueError` if rank is not in [0, world_size).

    labels: (length,) class of each sample, for a shuffled order in which all classes that occur have the same
    share (to within one; whose turn it is to have one more changes with the epoch) of `length` samples.
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

    def set_epoch(self, epoch: int) -> None:
        """The epoch that the next iteration is for."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[SampleKey]:
        own = self._order()[self.rank :: self.world_size]
        for first in range(0, len(own), AT_ONCE):
            yield from (SampleKey(*key) for key in own[first : first + AT_ONCE].tolist())

    def __len__(self) -> int:
        if self.shuffle:
            return -(-self.length // self.world_size)
        return len(range(self.rank, self.length, self.world_size))

    def _order(self) -> np.ndarray:
        """(n, 2) int64: epoch and index of the samples of the whole epoch, for all processes."""
        keys = np.stack([np.full(self.length, self.epoch), np.arange(self.length)], axis=1)
        if not self.shuffle:
            return keys
        if self._classes is not None:
            keys = np.concatenate([self._of_class(number) for number in range(len(self._classes))])
        order = self._generator(self.epoch).permutation(self.length)
        return keys[np.resize(order, len(self) * self.world_size)]

    def _of_class(self, number: int) -> np.ndarray:
        """(share, 2) int64: the samples of a class in an epoch, which go on where those of the last epoch ended.

        All samples of the class have their turn, in shuffled order, before the next round begins; a sample's
        epoch is its round, so that one that is taken twice is not augmented alike.
        """
        samples = self._classes[number]
        turns = np.arange(self._taken(number, self.epoch), self._taken(number, self.epoch + 1))
        rounds, places = np.divmod(turns, len(samples))
        indices = np.empty_like(turns)
        for this in np.unique(rounds).tolist():
            order = self._generator(this, number, BALANCED).permutation(samples)
            indices[rounds == this] = order[places[rounds == this]]
        return np.stack([rounds, indices], axis=1)

    def _taken(self, number: int, epoch: int) -> int:
        """How many samples of a class all epochs before this one take.

        Each epoch has `extra` samples beyond equal shares; they go round the classes from epoch to epoch.
        """
        classes = len(self._classes)
        share, extra = divmod(self.length, classes)
        return epoch * share + (epoch * extra + classes - 1 - number) // classes

    def _generator(self, *key: int) -> np.random.Generator:
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=key))


def _places(labels: np.ndarray) -> list[np.ndarray]:
    """The samples of each class that occurs."""
    return [np.flatnonzero(labels == label) for label in np.unique(labels)]
