"""`pvdm upscale`: a small video at the model's size, of any length."""

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
    shared_work,
)
from pvdm.commands.terminal.video_pipes import add_video_ends, check_ends, output_of, video_of
from pvdm.runtime.processes import in_parts, together


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_model(parser)
    add_video_ends(parser, "small video file or folder of small frames, of any rate")
    parser.add_argument("--seed", type=natural, default=0, help="seed of the noise")
    parser.add_argument(
        "--no-keep-given",
        dest="keep_given",
        action="store_false",
        help="also make the coarse content anew, instead of the details alone",
    )
    add_prompt(parser)
    add_scores(parser)
    add_sampler(parser)
    add_provenance(parser)


def run(options: argparse.Namespace) -> None:
    with shared_work() as shared:
        together(shared, lambda: _upscale(options) if shared.is_main else None)


def _upscale(options: argparse.Namespace) -> None:
    check_ends(options)
    generator = load_model(options)
    from pvdm.generation.tasks.upscaling import Upscaling

    task = Upscaling(generator, **of_one_video(options, generator), keep_given=options.keep_given)
    with ExitStack() as stack:
        source = stack.enter_context(video_of(options, generator))
        task.factor(source.size)
        stack.enter_context(generator.precision(options.precision))
        lengths = source.frames and [len(part) for part in in_parts(source.frames, generator.frames)]
        bar = stack.enter_context(SamplingBar(lengths, unit="frames"))
        parts = stack.enter_context(closing(task.run(source.runs(generator.frames), bar.sampling)))
        output = stack.enter_context(
            output_of(options, source, source.fps or generator.fps, provenance=generator.provenance)
        )
        for part in parts:
            output.write(part)
            bar.written(part.shape[1])
    height, width = generator.size
    output.log(f"{output.frames} frames of {width}x{height}")
