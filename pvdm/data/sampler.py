"""The order of samples in an epoch, a function of seed and epoch, shared out among processes."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from torch.utils.data import Sampler


class SampleKey(NamedTuple):
    """All that a sample depends on besides the seed: the epoch, and its place in the dataset."""

    epoch: int
    index: int


class EpochSampler(Sampler[SampleKey]):
    """Yields `SampleKey(epoch, index)` for the share of process `rank` of `world_size`.

    Shuffled, shares are equal: the order is repeated from its beginning until it can be divided. In order,
    every sample occurs once, so shares may differ by one. `ValueError` if rank is not in [0, world_size).
    """

    def __init__(self, length: int, *, seed: int, shuffle: bool, rank: int = 0, world_size: int = 1) -> None:
        if not 0 <= rank < world_size:
            raise ValueError(f"rank is {rank} of {world_size} processes; want 0 <= rank < world_size")
        self.length = length
        self.seed = seed
        self.shuffle = shuffle
        self.rank = rank
        self.world_size = world_size
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """The epoch that the next iteration is for."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[SampleKey]:
        for index in self._order()[self.rank :: self.world_size]:
            yield SampleKey(self.epoch, int(index))

    def __len__(self) -> int:
        if self.shuffle:
            return -(-self.length // self.world_size)
        return len(range(self.rank, self.length, self.world_size))

    def _order(self) -> np.ndarray:
        """(n,) int64: indices of the whole epoch, for all processes."""
        if not self.shuffle:
            return np.arange(self.length)
        order = np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(self.epoch,))).permutation(
            self.length
        )
        return np.resize(order, len(self) * self.world_size)
