"""`pvdm extend`: a given video, or a sampled clip, continued to any length."""

from __future__ import annotations

import argparse
import logging
from contextlib import ExitStack
from pathlib import Path

from tqdm import tqdm

from pvdm.commands.files import VideoSource
from pvdm.commands.options import (
    add_model,
    add_output,
    add_sampler,
    labels_of,
    loaded_model,
    natural,
    positive,
    rate,
    sampler_of,
)
from pvdm.errors import InputError
from pvdm.generation import VideoGenerator
from pvdm.output import check_output
from pvdm.video import VideoWriter

logger = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_model(parser)
    parser.add_argument("--input", type=Path, help="video to continue; without it the first clip is sampled")
    parser.add_argument("--frames", type=positive, required=True, help="frames of the output")
    add_output(parser, "an .mp4 file, or a name without suffix for a folder of png frames")
    parser.add_argument("--only-new", action="store_true", help="leave the input's own frames out of the output")
    parser.add_argument(
        "--seeds", type=natural, nargs="+", default=[0], help="one video each; several are named OUTPUT_seedN"
    )
    parser.add_argument("--fps", type=rate, help="frames per second; the input's, or the training clips', if not given")
    add_sampler(parser)
    parser.add_argument("--later-steps", type=positive, help="steps of the clips after the first; --steps if not given")


def run(options: argparse.Namespace) -> None:
    outputs = output_names(options.output, options.seeds)
    for output in outputs:
        check_output(output, overwrite=options.overwrite)
    with loaded_model(options) as generator:
        source = VideoSource(options.input, generator) if options.input else None
        fps = options.fps or (source.fps if source else generator.fps)
        with ExitStack() as stack:
            writers = [
                stack.enter_context(VideoWriter(output, fps=fps, overwrite=options.overwrite)) for output in outputs
            ]
            write_extension(generator, source, writers, options)
    for output in outputs:
        logger.info("%d frame(s) in %s", options.frames, output)


def write_extension(
    generator: VideoGenerator,
    source: VideoSource | None,
    writers: list[VideoWriter],
    options: argparse.Namespace,
) -> None:
    """Writes the head and then each new clip as it comes, one writer for each seed."""
    head = source if source and not options.only_new else None
    missing = options.frames - (head.info.frames if head else 0)
    if head and missing < 1:
        raise InputError(f"{head.path} has {head.info.frames} frames already; ask for more --frames, or for --only-new")
    context = source.last(generator.frames) if source else None
    generator.check_can_continue(context)  # before the head is written
    clips = generator.stream(
        num_frames=missing,
        context=context,
        videos=[(seed, 0) for seed in options.seeds],
        labels=labels_of(options, generator, len(options.seeds)),
        sampler=sampler_of(options, generator),
        later_sampler=sampler_of(options, generator, steps=options.later_steps),
    )
    for run in head.runs(generator.frames) if head else ():
        for writer in writers:
            writer.write(run)
    with tqdm(total=missing, unit="frame") as bar:
        for batch in clips:
            for writer, clip in zip(writers, batch, strict=True):
                writer.write(clip)
            bar.update(batch.shape[2])


def output_names(output: Path, seeds: list[int]) -> list[Path]:
    """The output itself for one seed, a name for each of several."""
    if len(set(seeds)) < len(seeds):
        raise InputError("a seed is given twice; give each seed once")
    return [output] if len(seeds) == 1 else [output.with_name(f"{output.stem}_seed{n}{output.suffix}") for n in seeds]
