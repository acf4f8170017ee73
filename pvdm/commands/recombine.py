"""`pvdm recombine`: the content of one video with the motion of another, or with new motion, or the other way round."""

from __future__ import annotations

import argparse
import logging
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING

from pvdm import video
from pvdm.cli_parser import finite
from pvdm.commands.terminal.condition_options import add_prompt, add_scores, prompts_of, scores_of
from pvdm.commands.terminal.progress_bars import SamplingBar
from pvdm.commands.terminal.provenance_options import add_provenance
from pvdm.commands.terminal.shared_options import (
    add_model,
    add_output,
    add_sampler,
    labels_of,
    load_model,
    natural,
    positive,
    sampler_of,
    shared_work,
)
from pvdm.errors import InputError
from pvdm.files.atomic_write import check_output
from pvdm.generation.input_video import VideoSource, check_input
from pvdm.runtime.processes import together

if TYPE_CHECKING:
    from torch import Tensor

KEEPING = ("noise", "guidance")
"""Options of what is given, after `--content-` and `--motion-`."""

logger = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_model(parser)
    parser.add_argument("--content", type=Path, metavar="VIDEO", help="video whose content is kept")
    parser.add_argument("--motion", type=Path, metavar="VIDEO", help="video whose motion is kept")
    parser.add_argument(
        "--new-motion", type=positive, metavar="N", help="instead of --motion: so many videos of the content"
    )
    parser.add_argument(
        "--new-content", type=positive, metavar="N", help="instead of --content: so many videos of the motion"
    )
    for part in ("content", "motion"):
        parser.add_argument(
            f"--{part}-noise",
            type=finite,
            help=f"noise, sigma / alpha, up to which the {part} is kept: 0 keeps it exactly, more leaves more freedom",
        )
        parser.add_argument(
            f"--{part}-guidance",
            type=finite,
            help=f"weight of guidance by the {part}: how strongly it shapes the rest; 0 turns it off",
        )
    add_output(
        parser,
        "a file (.mp4, .webm, .gif, .webp, .npy, .npz, .tif), or a name without suffix for a folder; several are named "
        "OUTPUT_N",
    )
    parser.add_argument("--seed", type=natural, default=0, help="seed of the noise")
    add_prompt(parser)
    add_scores(parser)
    add_sampler(parser)
    add_provenance(parser)


def run(options: argparse.Namespace) -> None:
    with shared_work() as shared:
        together(shared, lambda: _recombine(options) if shared.is_main else None)


def _recombine(options: argparse.Namespace) -> None:
    outputs = _outputs(options)
    for output in outputs:
        check_output(output, overwrite=options.overwrite)
    generator = load_model(options)
    generator.check_recombines()
    from pvdm.generation.tasks.recombination import Recombination

    sources = {name: _read(getattr(options, name), generator) for name in ("content", "motion")}
    names = [f"{part}_{what}" for part in ("content", "motion") for what in KEEPING]
    (label,), (prompt,) = labels_of(options, generator, 1) or [None], prompts_of(options, 1) or [None]
    task = Recombination(
        generator,
        **sources,
        **{name: value for name in names if (value := getattr(options, name)) is not None},
        sampler=sampler_of(options, generator),
        label=label,
        prompt=prompt,
        scores=scores_of(options, generator),
    )
    videos = [(options.seed, index) for index in range(len(outputs))]
    with ExitStack() as stack:
        stack.enter_context(generator.precision(options.precision))
        told = {"overwrite": options.overwrite, "provenance": generator.provenance, "values": generator.stored_values}
        opened = [video.VideoWriter(output, fps=generator.fps, **told) for output in outputs]
        writers = [stack.enter_context(writer) for writer in opened]
        bar = stack.enter_context(SamplingBar([generator.frames] * (task.frames // generator.frames), unit="frames"))
        for batch in stack.enter_context(closing(task.run(videos, bar.sampling))):
            for writer, clip in zip(writers, batch, strict=True):
                writer.write(clip)
            bar.written(batch.shape[2])
    for output in outputs:
        logger.info("%d frames in %s", task.frames, output)


def _outputs(options: argparse.Namespace) -> list[Path]:
    """A name for each video; InputError unless exactly one content and one motion are asked for."""
    for part in ("content", "motion"):
        given, new = getattr(options, part), getattr(options, f"new_{part}")
        if (given is None) == (new is None):
            problem = f"--{part} and --new-{part} are both given" if given else f"no {part} is given"
            raise InputError(problem, f"give --{part} VIDEO, or --new-{part} N")
        if given is not None:
            check_input(given)
        for what in KEEPING if given is None else ():
            if getattr(options, f"{part}_{what}") is not None:
                raise InputError(f"--{part}-{what} is given without --{part}", "leave it out")
    if options.new_content and options.new_motion:
        raise InputError("both content and motion are new", "give a video for one of them, or use pvdm sample")
    output, count = options.output, options.new_content or options.new_motion or 1
    return [output] if count == 1 else [output.with_name(f"{output.stem}_{n}{output.suffix}") for n in range(count)]


def _read(path: Path | None, generator: object) -> Tensor | None:
    """(3, n, h, w) uint8 at the model's size and rate."""
    if path is None:
        return None
    source = VideoSource(path, generator)
    return source.read(0, source.frames)
