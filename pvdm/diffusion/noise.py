"""Gaussian noise that belongs to a video, not to a batch: each video has its own generator."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor


class NoiseSource(Protocol):
    """The source of a sampler's noise, one draw per call."""

    def normal(self, shape: Sequence[int], *, device: torch.device | str = "cpu") -> Tensor:
        """Standard normal noise of this shape for every video of the batch: (b, *shape), float."""


class VideoNoise:
    """Noise of a batch of videos; each video's stream is a function of its key alone.

    It is bit for bit the same in any batch, in any order and on any device, since NumPy draws it on the CPU. PyTorch's
    generator keeps only 32 bits of a seed, so that two of 100000 videos would likely share their noise.
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
        # From pinned memory the copy is queued; from any other memory it would wait for the steps before it.
        return values.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else values.to(device)


def generator_of(key: Sequence[int]) -> np.random.Generator:
    """The random generator of a key, whose first integer is the run's seed; each key has an independent stream."""
    if not key or min(key) < 0:
        raise ValueError(f"the key {tuple(key)} must be one or more integers of at least 0, the first a seed")
    # Only the seed is entropy: SeedSequence pads entropy with zeros, so (1,) and (1, 0) would be the same stream.
    return np.random.default_rng(np.random.SeedSequence(int(key[0]), spawn_key=tuple(map(int, key[1:]))))
