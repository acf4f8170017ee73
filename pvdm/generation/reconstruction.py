"""Whole videos through the autoencoder and back, clip by clip."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from pvdm.generation.generator import VideoGenerator
from pvdm.generation.input_video import VideoSource
from pvdm.runtime.processes import ALONE, Processes, in_parts


def reconstructions(
    generator: VideoGenerator, source: VideoSource, shared: Processes = ALONE
) -> Iterator[tuple[Tensor, Tensor]]:
    """(original, reconstruction) clip by clip, (3, n, h, w) uint8; the last clip overlaps to end with the video.

    As many as `generator.clips_at_once` says are computed together by one of the processes, and yielded in all of them.
    """
    parts = in_parts(math.ceil(source.frames / generator.frames), generator.clips_of_a_pass())
    for shares in in_parts(len(parts), shared.size):
        mine = _pairs(generator, source, parts[shares[shared.rank]]) if shared.rank < len(shares) else []
        for pairs in shared.gather(mine):
            yield from pairs


def _pairs(generator: VideoGenerator, source: VideoSource, indices: range) -> list[tuple[Tensor, Tensor]]:
    """Those of the clips of these indices."""
    length = generator.frames
    new = [min(length, source.frames - index * length) for index in indices]
    clips = [source.read(index * length + n - length, length) for index, n in zip(indices, new, strict=True)]
    found = generator.reconstruct(torch.stack(clips))
    return [(clip[:, length - n :], pair[:, length - n :]) for clip, pair, n in zip(clips, found, new, strict=True)]
