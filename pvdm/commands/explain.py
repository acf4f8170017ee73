"""`pvdm explain`: a page on which a clip is taken apart into its planes, and noise becomes a clip."""

from __future__ import annotations

import argparse
import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pvdm.commands.terminal.condition_options import add_prompt, add_scores
from pvdm.commands.terminal.progress_bars import SamplingBar
from pvdm.commands.terminal.shared_options import (
    add_device,
    add_output,
    add_precision,
    add_sampler,
    load_model,
    natural,
    of_one_video,
    shared_work,
)
from pvdm.errors import InputError
from pvdm.files.atomic_write import check_output
from pvdm.generation.input_video import VideoSource, check_input
from pvdm.runtime.processes import together

if TYPE_CHECKING:
    from torch import Tensor

    from pvdm.demo.explanation.explained_clip import Moment
    from pvdm.generation import VideoGenerator

MODEL = "pvdm/sprites-64"

logger = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "input", type=Path, nargs="?", help="video file or folder of frames; by default a clip that the model samples"
    )
    parser.add_argument("--model", default=MODEL, help="exported folder, training checkpoint (.ckpt) or pvdm/NAME")
    add_output(parser, "the page, a file in .html that carries its videos inside itself")
    parser.add_argument("--start", type=natural, default=0, help="frame of the input that the clip starts with")
    parser.add_argument("--seed", type=natural, default=0, help="seed of the clip that is sampled")
    add_device(parser)
    add_precision(parser)
    add_prompt(parser)
    add_scores(parser)
    add_sampler(parser)
    parser.set_defaults(compile=False, clips_at_once=None)


def run(options: argparse.Namespace) -> None:
    with shared_work() as shared:
        together(shared, lambda: _explain(options) if shared.is_main else None)


def _explain(options: argparse.Namespace) -> None:
    if options.output.suffix.lower() not in (".html", ".htm"):
        raise InputError(f"{options.output} does not end in .html", "give the name of a page, such as page.html")
    check_output(options.output, overwrite=options.overwrite)
    if options.input is not None:
        check_input(options.input)
    generator = load_model(options)
    if options.input is None and generator.denoiser is None:
        raise InputError(f"{options.model} samples no clips", "give a video that it takes apart")
    from pvdm.demo.explanation.explained_clip import take_apart
    from pvdm.demo.explanation.explanation_page import write_explanation

    with generator.precision(options.precision):
        moments, steps = _sampled(options, generator) if generator.denoiser is not None else ([], None)
        clip = moments[-1].clip if options.input is None else _clip(options, generator)
        anatomy = take_apart(generator, clip)
    write_explanation(
        options.output,
        anatomy,
        moments,
        title="A sampled clip" if options.input is None else options.input.name,
        model=options.model,
        fps=generator.fps,
        steps=steps,
        overwrite=options.overwrite,
    )
    logger.info("PSNR %.2f dB; open %s", anatomy.psnr, options.output)


def _sampled(options: argparse.Namespace, generator: VideoGenerator) -> tuple[list[Moment], int]:
    """Moments of a sampled clip, and the number of steps."""
    from pvdm.demo.explanation.explained_clip import denoising

    told = of_one_video(options, generator)
    prompt = None if told["prompt"] is None else [told["prompt"]]
    generator.check_prompts(prompt, 1, told["negative_prompt"])
    condition = generator.described(
        1,
        labels=None if told["label"] is None else [told["label"]],
        prompts=prompt,
        negative_prompt=told["negative_prompt"],
        scores=told["scores"],
    )
    sampler = told["sampler"]
    if sampler.name is None and sampler.steps is None:  # the 4 of a tuned model would show little
        sampler = replace(sampler, name="unipc")
    sampler = generator.completed(sampler)
    with SamplingBar([1], unit="clips") as bar:
        moments = denoising(generator, condition, sampler, seed=options.seed, progress=bar.sampling)
        bar.written()
    return moments, sampler.steps


def _clip(options: argparse.Namespace, generator: VideoGenerator) -> Tensor:
    """The input's clip (3, t, h, w) uint8; InputError if it is too short."""
    source = VideoSource(options.input, generator)
    if source.frames < options.start + generator.frames:
        remedy = f"this model takes clips of {generator.frames}; give a longer video, or an earlier --start"
        raise InputError(f"{source.path} has {source.length}", remedy)
    source.log_rate()
    return source.read(options.start, generator.frames)
