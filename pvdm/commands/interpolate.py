"""`pvdm interpolate`: more frames per second, or slow motion, of a video of any length."""

from __future__ import annotations

import argparse
from contextlib import ExitStack, closing

from pvdm.commands.terminal.condition_options import add_prompt, add_scores
from pvdm.commands.terminal.progress_bars import SamplingBar
from pvdm.commands.terminal.provenance_options import add_provenance
from pvdm.commands.terminal.shared_options import (
    add_model,
    add_sampler,
    load_model,
    natural,
    of_one_video,
    positive,
    shared_work,
)
from pvdm.commands.terminal.video_pipes import PIPE, add_video_ends, check_ends, output_of, video_of
from pvdm.runtime.processes import in_parts, together

FILLED_AT_ONCE = 4
"""Clips of a file that are sampled together by default."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_model(parser)
    add_video_ends(parser, "video file or folder of frames, of any rate and at least two frames")
    parser.add_argument("--factor", type=positive, default=2, help="frames for each of the video (default: 2)")
    parser.add_argument("--slow", action="store_true", help="keep the frame rate: slow motion")
    parser.add_argument("--seed", type=natural, default=0, help="seed of the noise")
    parser.add_argument("--batch-size", type=positive, help="clips sampled at once; by default 4, from a pipe 1")
    parser.add_argument(
        "--no-keep-given",
        dest="keep_given",
        action="store_false",
        help="also make the video's own frames anew, as the autoencoder gives them",
    )
    add_prompt(parser)
    add_scores(parser)
    add_sampler(parser)
    add_provenance(parser)


def run(options: argparse.Namespace) -> None:
    with shared_work() as shared:
        together(shared, lambda: _interpolate(options) if shared.is_main else None)


def _interpolate(options: argparse.Namespace) -> None:
    check_ends(options)
    generator = load_model(options)
    from pvdm.generation.tasks.interpolation import Interpolation

    batch_size = options.batch_size or (1 if options.input == PIPE else FILLED_AT_ONCE)
    task = Interpolation(
        generator,
        options.factor,
        **of_one_video(options, generator),
        batch_size=batch_size,
        keep_given=options.keep_given,
    )
    with ExitStack() as stack:
        source = stack.enter_context(video_of(options, generator, generator.size))
        rate = source.fps or generator.fps
        fps = rate if options.slow else options.factor * rate
        batches = source.frames and [len(part) for part in in_parts(task.clips(source.frames), batch_size)]
        stack.enter_context(generator.precision(options.precision))
        bar = stack.enter_context(SamplingBar(batches, unit="clips"))
        parts = stack.enter_context(closing(task.run(source.runs(generator.frames), bar.sampling)))
        output = stack.enter_context(
            output_of(options, source, fps, each=options.factor, provenance=generator.provenance)
        )
        for part in parts:
            output.write(part)
            bar.written()
    output.log(f"{output.frames} frames, {fps:.5g} per second,")
