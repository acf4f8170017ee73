"""Video files as a model reads them, at its size and frame rate; and their reconstruction, clip by clip."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pvdm import video
from pvdm.errors import InputError
from pvdm.runtime.processes import ALONE, Processes, in_parts

if TYPE_CHECKING:
    from torch import Tensor

    from pvdm.generation import VideoGenerator

SAME = 1e-3
"""Relative difference of rates that is not reported, as between 30 and 29.97."""

logger = logging.getLogger(__name__)


def check_input(path: Path) -> None:
    """InputError if `path` does not exist; checked before a model is loaded."""
    if not path.exists():
        raise InputError(f"{path} does not exist", "give a video file or a folder of frames")


class VideoSource:
    """A video file or frame folder at the model's size and frame rate, or at the rate `fps` if given.

    If the model or the input (a folder) has no rate, every frame is read. `frames` is the number of frames at that
    rate, and `fps` the rate of the output.
    """

    def __init__(self, path: Path, generator: VideoGenerator, fps: float | None = None) -> None:
        size = generator.autoencoder.config
        self._video = video.PacedVideo(
            path, (size.height, size.width), fps or generator.pace, value_range=generator.value_range
        )
        self.path, self.info, self.frames = path, self._video.info, self._video.frames
        self.values = self._video.values or generator.stored_values
        """How an image series, or those that the model was trained on, store their values."""
        self.fps = fps or generator.pace or self.info.fps or generator.fps
        self._pace, self._asked = generator.pace, fps

    def read(self, start: int, frames: int) -> Tensor:
        """Frames start, start + 1, ...: (3, frames, h, w) uint8."""
        return self._video.read(start, frames)

    def last(self, frames: int) -> Tensor:
        """The last frames, or all if there are fewer: (3, up to frames, h, w) uint8."""
        return self._video.last(frames)

    def runs(self, length: int) -> Iterator[Tensor]:
        """The whole video in runs of at most `length` frames, (3, n, h, w) uint8 each."""
        return self._video.runs(length)

    @property
    def length(self) -> str:
        """For messages: the number of frames, and the rate unless it is the file's own."""
        return f"{self.frames} frames" + ("" if self._video.has_every_frame else f" at {_rate(self.fps)}")

    def log_rate(self) -> None:
        """Logs the rate if it is not the file's or not the model's."""
        pace, asked, own, is_paced = self._pace, self._asked, self.info.fps, self._video.is_paced
        others = {"the model's pace is": pace, f"{self.path.name} has": own}
        if asked:
            differing = [f"{what} {rate:.5g}" for what, rate in others.items() if rate and not _is_same(rate, asked)]
            if differing:
                verb = "read" if is_paced else "written"
                logger.info("%s at %s as requested; %s", verb, _rate(asked), " and ".join(differing))
        elif is_paced and not (_is_same(pace, own) and self._video.has_every_frame):
            logger.info("read at %s, the model's pace; %s has %.5g", _rate(pace), self.path.name, own)


def reconstructions(
    generator: VideoGenerator, source: VideoSource, shared: Processes = ALONE
) -> Iterator[tuple[Tensor, Tensor]]:
    """(original, reconstruction) clip by clip, (3, n, h, w) uint8; the last clip overlaps to end with the video.

    Each process computes `generator.clips_at_once` of them together; all are yielded in every process.
    """
    parts = in_parts(math.ceil(source.frames / generator.frames), generator.clips_of_a_pass())
    for shares in in_parts(len(parts), shared.size):
        mine = _pairs(generator, source, parts[shares[shared.rank]]) if shared.rank < len(shares) else []
        for pairs in shared.gather(mine):
            yield from pairs


def _pairs(generator: VideoGenerator, source: VideoSource, indices: range) -> list[tuple[Tensor, Tensor]]:
    """The pairs of the clips with these indices."""
    length = generator.frames
    new = [min(length, source.frames - index * length) for index in indices]
    clips = [source.read(index * length + n - length, length) for index, n in zip(indices, new, strict=True)]
    import torch

    found = generator.reconstruct(torch.stack(clips))
    return [(clip[:, length - n :], pair[:, length - n :]) for clip, pair, n in zip(clips, found, new, strict=True)]


def _rate(fps: float) -> str:
    return f"{fps:.5g} frames per second"


def _is_same(one: float, other: float) -> bool:
    return abs(one - other) <= SAME * other
