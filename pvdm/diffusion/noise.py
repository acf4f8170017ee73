"""Gaussian noise that belongs to a video, not to a batch: one generator for each."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor


class NoiseSource(Protocol):
    """Where samplers take their noise from, one draw per call."""

    def normal(self, shape: Sequence[int], *, device: torch.device | str = "cpu") -> Tensor:
        """Standard normal noise of this shape for every video of the batch: (b, *shape), float."""


class VideoNoise:
    """Noise of a batch of videos; each video's stream is a function of its key alone.

    It is bit by bit the same in any batch, in any order, and on any device, because it is drawn on the CPU,
    and by NumPy: PyTorch's generator keeps 32 bits of a seed, and two of 100000 videos would likely agree.
    """

    def __init__(self, keys: Sequence[Sequence[int]]) -> None:
        """`keys`: one per video, such as (seed, video index, clip index); integers of at least 0."""
        if not keys:
            raise ValueError("no keys; give one for every video of the batch")
        self._generators = [generator_of(key) for key in keys]

    def __len__(self) -> int:
        return len(self._generators)

    def normal(self, shape: Sequence[int], *, device: torch.device | str = "cpu") -> Tensor:
        """The next standard normal values of every video: (b, *shape), such as (b, c, l); float32."""
        draws = [generator.standard_normal(tuple(shape), dtype=np.float32) for generator in self._generators]
        values, device = torch.from_numpy(np.stack(draws)), torch.device(device)
        # From pinned memory the GPU takes them when their turn comes; from any other the steps before are waited for.
        return values.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else values.to(device)


def generator_of(key: Sequence[int]) -> np.random.Generator:
    """The random generator of one key, whose first integer is the run's seed; each key is its own stream."""
    if not key or min(key) < 0:
        raise ValueError(f"the key {tuple(key)} must be one or more integers of at least 0, the first a seed")
    # Not all as entropy, which is padded with zeros: (1,) and (1, 0) would be the same stream.
    return np.random.default_rng(np.random.SeedSequence(int(key[0]), spawn_key=tuple(map(int, key[1:]))))
