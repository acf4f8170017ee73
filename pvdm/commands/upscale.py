"""`pvdm upscale`: a small video at the model's size, of any length."""

from __future__ import annotations

import argparse
import logging
from contextlib import ExitStack, closing
from pathlib import Path

from pvdm import video
from pvdm.commands.terminal.progress_bars import SamplingBar
from pvdm.commands.terminal.shared_options import (
    add_model,
    add_output,
    add_sampler,
    load_model,
    natural,
    of_one_video,
    shared_work,
)
from pvdm.files.atomic_write import check_output
from pvdm.generation.input_video import check_input
from pvdm.runtime.processes import in_parts, together

logger = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_model(parser)
    parser.add_argument("input", type=Path, help="small video file or folder of small frames, of any rate")
    add_output(parser, "a file (.mp4, .webm, .gif, .webp), or a name without suffix for a folder of png frames")
    parser.add_argument("--seed", type=natural, default=0, help="seed of the noise")
    parser.add_argument(
        "--no-keep-given",
        dest="keep_given",
        action="store_false",
        help="also make the coarse content anew, instead of the details alone",
    )
    add_sampler(parser)


def run(options: argparse.Namespace) -> None:
    with shared_work() as shared:
        together(shared, lambda: _upscale(options) if shared.is_main else None)


def _upscale(options: argparse.Namespace) -> None:
    check_output(options.output, overwrite=options.overwrite)
    check_input(options.input)
    generator = load_model(options)
    from pvdm.generation.tasks.upscaling import Upscaling

    task = Upscaling(generator, **of_one_video(options, generator), keep_given=options.keep_given)
    source = video.PacedVideo(options.input)
    task.factor(source.size)
    fps = source.info.fps or generator.fps
    with ExitStack() as stack:
        stack.enter_context(generator.precision(options.precision))
        lengths = [len(part) for part in in_parts(source.frames, generator.frames)]
        bar = stack.enter_context(SamplingBar(lengths, unit="frames"))
        parts = stack.enter_context(closing(task.run(source.runs(generator.frames), bar.sampling)))
        writer = stack.enter_context(video.VideoWriter(options.output, fps=fps, overwrite=options.overwrite))
        for part in parts:
            writer.write(part)
            bar.written(part.shape[1])
    logger.info("%d frames of %dx%d in %s", source.frames, *reversed(generator.size), options.output)
