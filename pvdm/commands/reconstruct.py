"""`pvdm reconstruct`: a video through the autoencoder and back."""

from __future__ import annotations

import argparse
import logging
import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from pvdm import video
from pvdm.commands.files import VideoSource, check_input
from pvdm.commands.options import add_model, add_output, in_parts, load_model, rate, shared_work
from pvdm.errors import InputError
from pvdm.evaluation.processes import ALONE, Processes, together
from pvdm.output import check_output

if TYPE_CHECKING:
    from torch import Tensor

    from pvdm.generation import VideoGenerator

logger = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_model(parser)
    parser.add_argument("input", type=Path, help="video file or folder of frames, at least one clip long")
    add_output(parser, "a file (.mp4, .webm, .gif, .webp), or a name without suffix for a folder of png frames")
    parser.add_argument("--side-by-side", action="store_true", help="the original to the left")
    parser.add_argument(
        "--fps", type=rate, help="frames per second that the input is read and written at; the model's if not given"
    )


def run(options: argparse.Namespace) -> None:
    with shared_work() as shared:
        together(shared, lambda: check_output(options.output, overwrite=options.overwrite))
        generator, source = together(shared, lambda: _prepared(options))
        with generator.precision(options.precision):
            pairs = reconstructions(generator, source, shared)
            error = _write(pairs, source, options) if shared.is_main else sum(0 for _ in pairs)
        psnr = 10 * math.log10(255**2 / max(error / source.frames, 1e-10))
        logger.info("PSNR %.2f dB over %d frames, which are in %s", psnr, source.frames, options.output)


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
    import torch

    length = generator.frames
    new = [min(length, source.frames - index * length) for index in indices]
    clips = [source.read(index * length + n - length, length) for index, n in zip(indices, new, strict=True)]
    found = generator.reconstruct(torch.stack(clips))
    return [(clip[:, length - n :], pair[:, length - n :]) for clip, pair, n in zip(clips, found, new, strict=True)]


def _prepared(options: argparse.Namespace) -> tuple[VideoGenerator, VideoSource]:
    check_input(options.input)
    generator = load_model(options)
    source = VideoSource(options.input, generator, options.fps)
    if source.frames < generator.frames:
        raise InputError(f"{source.path} has {source.length}; this model takes clips of {generator.frames}")
    source.tell()
    return generator, source


def _write(pairs: Iterator[tuple[Tensor, Tensor]], source: VideoSource, options: argparse.Namespace) -> float:
    """The sum over the frames of the mean square error."""
    import torch

    error = 0.0
    with (
        video.VideoWriter(options.output, fps=source.fps, overwrite=options.overwrite) as writer,
        tqdm(total=source.frames, unit="frame") as bar,
    ):
        for original, found in pairs:
            error += (original.float() - found.float()).square().mean((0, 2, 3)).sum().item()
            writer.write(torch.cat((original, found), dim=3) if options.side_by_side else found)
            bar.update(original.shape[1])
    return error
