"""`pvdm reconstruct`: a video through the autoencoder and back."""

from __future__ import annotations

import argparse
import logging
import math
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from pvdm.commands.files import VideoSource
from pvdm.commands.options import add_model, add_output, loaded_model, rate
from pvdm.errors import InputError
from pvdm.generation import VideoGenerator
from pvdm.output import check_output
from pvdm.video import VideoWriter

logger = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_model(parser)
    parser.add_argument("input", type=Path, help="video file or folder of frames, at least one clip long")
    add_output(parser, "an .mp4 file, or a name without suffix for a folder of png frames")
    parser.add_argument("--side-by-side", action="store_true", help="the original to the left")
    parser.add_argument("--fps", type=rate, help="frames per second; the input's if not given")


def run(options: argparse.Namespace) -> None:
    check_output(options.output, overwrite=options.overwrite)
    with loaded_model(options) as generator:
        source = VideoSource(options.input, generator)
        fps, error = options.fps or source.fps, 0.0
        with (
            VideoWriter(options.output, fps=fps, overwrite=options.overwrite) as writer,
            tqdm(total=source.info.frames, unit="frame") as bar,
        ):
            for original, found in reconstructions(generator, source):
                error += (original.float() - found.float()).square().mean((0, 2, 3)).sum().item()
                writer.write(torch.cat((original, found), dim=3) if options.side_by_side else found)
                bar.update(original.shape[1])
    mean = max(error / source.info.frames, 1e-10)
    psnr = 10 * math.log10(255**2 / mean)
    logger.info("PSNR %.2f dB over %d frames, which are in %s", psnr, source.info.frames, options.output)


def reconstructions(generator: VideoGenerator, source: VideoSource) -> Iterator[tuple[Tensor, Tensor]]:
    """(original, reconstruction) clip by clip, (3, n, h, w) uint8; the last clip overlaps to end with the video."""
    length, total = generator.frames, source.info.frames
    if total < length:
        raise InputError(f"{source.path} has {total} frames; this model takes clips of {length}")
    for start in range(0, total, length):
        new = min(length, total - start)
        clip = source.read(start + new - length, length)
        found = generator.reconstruct(clip[None])[0]
        yield clip[:, length - new :], found[:, length - new :]
