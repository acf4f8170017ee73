"""`pvdm reconstruct`: encodes and decodes a video with the autoencoder."""

from __future__ import annotations

import argparse
import logging
import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from pvdm import video
from pvdm.commands.terminal.provenance_options import add_provenance
from pvdm.commands.terminal.shared_options import add_model, add_output, load_model, rate, shared_work
from pvdm.errors import InputError
from pvdm.files.atomic_write import check_output
from pvdm.generation.input_video import VideoSource, check_input, reconstructions
from pvdm.runtime.processes import together

if TYPE_CHECKING:
    from torch import Tensor

    from pvdm.generation import VideoGenerator

logger = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_model(parser)
    parser.add_argument("input", type=Path, help="video file or folder of frames, at least one clip long")
    add_output(
        parser,
        "a file (.mp4, .webm, .gif, .webp, .npy, .npz, .tif), or a name without suffix for a folder of png frames",
    )
    parser.add_argument("--side-by-side", action="store_true", help="show the original on the left")
    parser.add_argument(
        "--fps",
        type=rate,
        help="frame rate at which the input is read and written, frames per second; by default the model's",
    )
    add_provenance(parser)


def run(options: argparse.Namespace) -> None:
    with shared_work() as shared:
        together(shared, lambda: check_output(options.output, overwrite=options.overwrite))
        generator, source = together(shared, lambda: _prepared(options))

        with generator.precision(options.precision):
            pairs = reconstructions(generator, source, shared)
            error = _write(pairs, source, generator, options) if shared.is_main else sum(0 for _ in pairs)
        psnr = 10 * math.log10(255**2 / max(error / source.frames, 1e-10))
        logger.info("PSNR %.2f dB over %d frames, which are in %s", psnr, source.frames, options.output)


def _prepared(options: argparse.Namespace) -> tuple[VideoGenerator, VideoSource]:
    check_input(options.input)
    generator = load_model(options)
    source = VideoSource(options.input, generator, options.fps)
    if source.frames < generator.frames:
        raise InputError(f"{source.path} has {source.length}", f"this model takes clips of {generator.frames}")
    source.log_rate()
    return generator, source


def _write(
    pairs: Iterator[tuple[Tensor, Tensor]], source: VideoSource, generator: VideoGenerator, options: argparse.Namespace
) -> float:
    """The sum over the frames of the mean square error."""
    import torch

    error, told = 0.0, {"overwrite": options.overwrite, "provenance": generator.provenance, "values": source.values}
    with (
        video.VideoWriter(options.output, fps=source.fps, **told) as writer,
        tqdm(total=source.frames, unit="frame") as bar,
    ):
        for original, found in pairs:
            error += (original.float() - found.float()).square().mean((0, 2, 3)).sum().item()
            writer.write(torch.cat((original, found), dim=3) if options.side_by_side else found)
            bar.update(original.shape[1])
    return error
