"""`pvdm interpolate`: more frames per second, or slow motion, of a video of any length."""

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
    positive,
    shared_work,
)
from pvdm.files.atomic_write import check_output
from pvdm.generation.input_video import check_input
from pvdm.runtime.processes import in_parts, together

logger = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_model(parser)
    parser.add_argument("input", type=Path, help="video file or folder of frames, of any rate and at least two frames")
    parser.add_argument("--factor", type=positive, default=2, help="frames for each of the video (default: 2)")
    add_output(parser, "a file (.mp4, .webm, .gif, .webp), or a name without suffix for a folder of png frames")
    parser.add_argument("--slow", action="store_true", help="keep the frame rate: slow motion")
    parser.add_argument("--seed", type=natural, default=0, help="seed of the noise")
    parser.add_argument("--batch-size", type=positive, default=4, help="clips sampled at once")
    parser.add_argument(
        "--no-keep-given",
        dest="keep_given",
        action="store_false",
        help="also make the video's own frames anew, as the autoencoder gives them",
    )
    add_sampler(parser)


def run(options: argparse.Namespace) -> None:
    with shared_work() as shared:
        together(shared, lambda: _interpolate(options) if shared.is_main else None)


def _interpolate(options: argparse.Namespace) -> None:
    check_output(options.output, overwrite=options.overwrite)
    check_input(options.input)
    generator = load_model(options)
    from pvdm.generation.tasks.interpolation import Interpolation

    task = Interpolation(
        generator,
        options.factor,
        **of_one_video(options, generator),
        batch_size=options.batch_size,
        keep_given=options.keep_given,
    )
    source = video.PacedVideo(options.input, generator.size)
    rate = source.info.fps or generator.fps
    fps = rate if options.slow else options.factor * rate
    batches = [len(part) for part in in_parts(task.clips(source.frames), options.batch_size)]
    frames = 0
    with ExitStack() as stack:
        stack.enter_context(generator.precision(options.precision))
        bar = stack.enter_context(SamplingBar(batches, unit="clips"))
        parts = stack.enter_context(closing(task.run(source.runs(generator.frames), bar.sampling)))
        writer = stack.enter_context(video.VideoWriter(options.output, fps=fps, overwrite=options.overwrite))
        for part in parts:
            writer.write(part)
            frames += part.shape[1]
            bar.written()
    logger.info("%d frames of %d, at %.5g frames per second, in %s", frames, source.frames, fps, options.output)
